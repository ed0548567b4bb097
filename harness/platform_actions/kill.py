"""kill: a replica is killed without notice (SIGKILL), and started at the lift."""

from __future__ import annotations

from harness.core.fault import FaultParameters
from harness.core.platform_action import PlatformAction

FAULT = PlatformAction(
    name="kill",
    title="a replica is killed without notice (SIGKILL), and started at the lift",
    example=FaultParameters(),
    stage=None,
    signal="SIGKILL",
    undo="start",
)
