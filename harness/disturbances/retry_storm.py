"""retry_storm: clients with a short deadline that send again at once, without a budget or a pause."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated

from harness.core.disturbance import Disturbance, TargetService
from harness.core.fault import FaultParameters, Parameter
from harness.disturbances._pace import Rate, act_at_rate, ask_whole


@dataclass(frozen=True, slots=True)
class _Parameters(FaultParameters):
    rate: Rate = 5
    attempts: Annotated[int, Parameter("attempts for each request at most", low=2, high=20)] = 4
    timeout: Annotated[int, Parameter("time after which a client sends again", unit="ms", low=10, high=60_000)] = 200


async def _disturb(target: TargetService, parameters: _Parameters) -> None:
    async def insist(target: TargetService) -> None:
        for attempt in range(parameters.attempts):
            if attempt:
                target.count("retries")
            try:
                async with asyncio.timeout(parameters.timeout / 1000):
                    await ask_whole(target)
                    return
            except (TimeoutError, OSError):
                target.count("attempts given up")

    await act_at_rate(target, parameters.rate, insist)


FAULT = Disturbance(
    name="retry_storm",
    title="clients with a short deadline that send again at once, several times",
    example=_Parameters(rate=5),
    stage=None,
    disturb=_disturb,
    proof=("requests sent",),
    overloads=True,
    count_requests=lambda parameters, _: parameters.rate * parameters.attempts,
)
