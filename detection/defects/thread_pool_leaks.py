"""A client that leaves keeps its thread, and the pool has as many as a usual one: forty."""

from __future__ import annotations

from detection.leaking_slots import leak_slots, slow_down
from detection.switch import CHAT, Defect

DEFECT = Defect(
    title="forty clients that leave in mid-stream take all threads with them",
    caught_by="ai-suite/integration/test_disconnect.py::test_leaving_uses_nothing_up",
    protocols=(CHAT,),
    configure=slow_down,
    wrap=lambda app: leak_slots(app, 40),
)
