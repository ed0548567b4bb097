"""connection_churn: connections that are opened and closed, most of them without a request."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Annotated

from harness.core.disturbance import Disturbance, TargetService
from harness.core.fault import FaultParameters, Parameter
from harness.disturbances._pace import Rate, act_at_rate


@dataclass(frozen=True, slots=True)
class _Parameters(FaultParameters):
    rate: Rate = 20
    resets: Annotated[int, Parameter("share that ends with a reset in place of a close", unit="%", high=100)] = 50


async def _disturb(target: TargetService, parameters: _Parameters) -> None:
    numbers = count(1)

    async def come_and_go(target: TargetService) -> None:
        async with target.connect() as connection:
            target.count("connections opened")
            number, share = next(numbers), parameters.resets
            if number * share // 100 > (number - 1) * share // 100:
                connection.reset()

    await act_at_rate(target, parameters.rate, come_and_go)


FAULT = Disturbance(
    name="connection_churn",
    title="connections that are opened and ended at once, without a request",
    example=_Parameters(rate=20),
    stage=None,
    disturb=_disturb,
    proof=("connections opened",),
    spares_others=True,
)
