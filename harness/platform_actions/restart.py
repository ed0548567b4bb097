"""restart: a replica ends in order and begins again; nothing has to be lifted."""

from __future__ import annotations

from harness.core.fault import FaultParameters
from harness.core.platform_action import PlatformAction

FAULT = PlatformAction(
    name="restart",
    title="a replica ends in order and begins again; nothing has to be lifted",
    example=FaultParameters(),
    stage=None,
    in_order=True,
)
