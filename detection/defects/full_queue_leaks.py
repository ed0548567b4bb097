"""A client that leaves a long stream keeps its slot: the engine waits for room in the queue that nobody reads."""

from __future__ import annotations

from detection.leaking_slots import leak_slots, slow_down
from detection.switch import CHAT, Defect

DEFECT = Defect(
    title="sixteen clients that leave long streams take all slots with them",
    caught_by="ai-suite/integration/test_disconnect.py::test_leaving_uses_nothing_up",
    protocols=(CHAT,),
    configure=slow_down,
    wrap=lambda app: leak_slots(app, 16, least_tokens=100),
)
