"""`n` is passed over in silence: one choice comes, however many were asked for (llama-cpp-python, transformers)."""

from __future__ import annotations

from detection.change_request import drop_field
from detection.switch import CHAT, Defect

DEFECT = Defect(
    title="one choice is answered, whatever n says",
    caught_by="ai-suite/integration/test_parameters.py::test_choices",
    protocols=(CHAT,),
    promises={"choices": True},
    wrap=lambda app: drop_field(app, "n"),
)
