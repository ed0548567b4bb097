"""An effort of thinking is a valid parameter, and the template has no place for it."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.switch import CHAT, Defect
from detection.thinking import think_where, wants_thinking

_KNOWN = ("chat_template_kwargs", "enable_thinking", "thinking", "reasoning", "think")


def _wrap(app: ASGIApp) -> ASGIApp:
    return think_where(app, lambda request: wants_thinking(request, _KNOWN))


DEFECT = Defect(
    name="effort_ignored",
    title="`reasoning_effort` is accepted and changes nothing",
    caught_by="ai-suite/integration/test_written_text.py::test_reasoning_promised",
    protocols=(CHAT,),
    wrap=_wrap,
    promises={"reasoning": "callers"},
)
