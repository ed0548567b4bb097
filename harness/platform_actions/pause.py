"""pause: a replica stands still (SIGSTOP), and goes on at the lift (SIGCONT)."""

from __future__ import annotations

from harness.core.fault import FaultParameters
from harness.core.platform_action import PlatformAction

FAULT = PlatformAction(
    name="pause",
    title="a replica stands still (SIGSTOP), and goes on at the lift (SIGCONT)",
    example=FaultParameters(),
    stage=None,
    signal="SIGSTOP",
    undo_signal="SIGCONT",
    undo="resume",
)
