"""down: nothing listens."""

from __future__ import annotations

from dataclasses import dataclass

from harness.core.fault import FaultKind, FaultParameters, LinkProbe, recognise_outcome


@dataclass(frozen=True, slots=True)
class _Parameters(FaultParameters):
    def recognise(self, before: LinkProbe, now: LinkProbe, stream: str) -> str:
        return recognise_outcome("refused", before, now)


FAULT = FaultKind(
    name="down",
    title="connections are refused and open ones closed (the proxy is disabled)",
    example=_Parameters(),
    stage=None,
)
