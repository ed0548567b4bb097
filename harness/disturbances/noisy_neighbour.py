"""noisy_neighbour: another tenant whose clients ask again as soon as they are answered."""

from __future__ import annotations

from dataclasses import dataclass

from harness.core.disturbance import Disturbance, TargetService
from harness.core.fault import FaultParameters
from harness.disturbances._pace import Connections, ask_whole, hold_many


@dataclass(frozen=True, slots=True)
class _Parameters(FaultParameters):
    connections: Connections = 16


async def _disturb(target: TargetService, parameters: _Parameters) -> None:
    await hold_many(target, parameters.connections, ask_whole)


FAULT = Disturbance(
    name="noisy_neighbour",
    title="another tenant whose clients ask again as soon as they are answered",
    example=_Parameters(connections=16),
    stage=None,
    disturb=_disturb,
    proof=("requests sent",),
    count_requests=lambda parameters, _: parameters.connections * 10,
)
