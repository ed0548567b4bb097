"""down: nobody listens."""

from __future__ import annotations

from harness.faults._kind import FaultKind

FAULT = FaultKind(
    name="down",
    title="connections are refused and open ones closed (the proxy is disabled)",
    stage=None,
)
