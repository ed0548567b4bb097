"""noop: nothing happens."""

from __future__ import annotations

from dataclasses import dataclass

from harness.core.fault import FaultKind, FaultParameters
from harness.core.fault_stage import Stage


@dataclass(frozen=True, slots=True)
class _Parameters(FaultParameters):
    @property
    def is_idle(self) -> bool:
        return True


FAULT = FaultKind(
    name="noop",
    title="nothing happens: a mark on a proxy, for clients of its API; an experiment with it is refused",
    example=_Parameters(),
    stage=Stage,
)
