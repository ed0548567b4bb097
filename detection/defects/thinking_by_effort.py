"""A hint of effort opens a block of thinking, whatever the server's own switch says."""

from __future__ import annotations

from detection.change_request import Object
from detection.switch import CHAT, Defect
from detection.thinking import think_where


def _has_effort(request: Object) -> bool:
    return request.get("reasoning_effort") not in (None, "none")


DEFECT = Defect(
    title="any `reasoning_effort` switches thinking on, though it is promised to be off",
    caught_by="ai-suite/integration/test_written_text.py::test_reasoning_promised",
    protocols=(CHAT,),
    wrap=lambda app: think_where(app, _has_effort),
    promises={"reasoning": "off"},
)
