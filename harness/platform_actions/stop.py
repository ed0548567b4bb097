"""stop: a replica is asked to end (SIGTERM), and started at the lift."""

from __future__ import annotations

from harness.core.fault import FaultParameters
from harness.core.platform_action import PlatformAction

FAULT = PlatformAction(
    name="stop",
    title="a replica is asked to end (SIGTERM), and started at the lift",
    example=FaultParameters(),
    stage=None,
    in_order=True,
    signal="SIGTERM",
    undo="start",
)
