"""`response_format` is passed over in silence, and free text comes (vLLM #53975: an old spelling is dropped)."""

from __future__ import annotations

from detection.change_request import drop_field
from detection.switch import CHAT, Defect

DEFECT = Defect(
    title="free text is answered where a schema was asked for",
    caught_by="ai-suite/integration/test_structured.py::test_obeys",
    protocols=(CHAT,),
    promises={"structured_output": True},
    wrap=lambda app: drop_field(app, "response_format"),
)
