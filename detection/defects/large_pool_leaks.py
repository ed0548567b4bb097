"""A client that leaves a stream keeps its slot, and the pool is large: nobody is served after a dozen and a half."""

from __future__ import annotations

from detection.leaking_slots import leak_slots, slow_down
from detection.switch import CHAT, Defect

DEFECT = Defect(
    title="fourteen clients that leave in mid-stream take all slots with them",
    caught_by="ai-suite/integration/test_disconnect.py::test_leaving_uses_nothing_up",
    protocols=(CHAT,),
    configure=slow_down,
    wrap=lambda app: leak_slots(app, 14),
)
