"""drain: a replica gets no new requests, and is put back at the lift."""

from __future__ import annotations

from harness.core.fault import FaultParameters
from harness.core.platform_action import PlatformAction

FAULT = PlatformAction(
    name="drain",
    title="a replica gets no new requests, and is put back at the lift",
    example=FaultParameters(),
    stage=None,
    in_order=True,
    undo="start",
)
