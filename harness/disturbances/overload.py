"""overload: a step of the rate, to several times that of the steady load."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from harness.core.disturbance import Disturbance, TargetService
from harness.core.fault import FaultParameters, Parameter
from harness.disturbances._pace import act_at_rate, ask_whole


@dataclass(frozen=True, slots=True)
class _Parameters(FaultParameters):
    factor: Annotated[int, Parameter("the whole rate, as a multiple of [chaos] rate", low=2, high=20)] = 3


async def _disturb(target: TargetService, parameters: _Parameters) -> None:
    await act_at_rate(target, target.rate * (parameters.factor - 1), ask_whole)


FAULT = Disturbance(
    name="overload",
    title="requests at a multiple of the steady load's rate",
    example=_Parameters(factor=3),
    stage=None,
    disturb=_disturb,
    proof=("requests sent",),
    overloads=True,
    count_requests=lambda parameters, rate: rate * (parameters.factor - 1),
)
