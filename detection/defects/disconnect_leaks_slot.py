"""A client that leaves a stream keeps its slot; after two nobody is served (Rapid-MLX #1759, FastFlowLM #680)."""

from __future__ import annotations

from detection.leaking_slots import leak_slots, slow_down
from detection.switch import CHAT, Defect

DEFECT = Defect(
    title="two clients that leave in mid-stream take all slots with them",
    caught_by="ai-suite/integration/test_disconnect.py::test_leaving_uses_nothing_up",
    protocols=(CHAT,),
    configure=slow_down,
    wrap=lambda app: leak_slots(app, 2),
)
