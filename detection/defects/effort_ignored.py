"""An effort of thinking is a valid parameter, and the template has no place for it."""

from __future__ import annotations

from detection.switch import CHAT, Defect
from detection.thinking import think_where, wants_thinking

_KNOWN = ("chat_template_kwargs", "enable_thinking", "thinking", "reasoning", "think")


DEFECT = Defect(
    title="`reasoning_effort` is accepted and changes nothing",
    caught_by="ai-suite/integration/test_written_text.py::test_reasoning_promised",
    protocols=(CHAT,),
    wrap=lambda app: think_where(app, lambda request: wants_thinking(request, _KNOWN)),
    promises={"reasoning": "callers"},
)
