"""`stop` is passed over in silence: the answer goes on past it."""

from __future__ import annotations

from detection.change_request import drop_field
from detection.switch import CHAT, Defect

DEFECT = Defect(
    title="answers go on past a stop string",
    caught_by="ai-suite/integration/test_parameters.py::test_stop",
    protocols=(CHAT,),
    wrap=lambda app: drop_field(app, "stop"),
)
