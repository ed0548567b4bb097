"""A newer revision of the template thinks where nothing says whether to: callers who say nothing get it."""

from __future__ import annotations

from detection.change_request import Object
from detection.switch import CHAT, Defect
from detection.thinking import think_where

_SWITCHES = ("chat_template_kwargs", "enable_thinking", "thinking", "reasoning", "reasoning_effort", "think")


def _says_nothing(request: Object) -> bool:
    return not any(name in request for name in _SWITCHES)


DEFECT = Defect(
    title="without any switch of thinking it thinks, though that is promised to be off",
    caught_by="ai-suite/integration/test_written_text.py::test_reasoning_promised",
    protocols=(CHAT,),
    wrap=lambda app: think_where(app, _says_nothing),
    promises={"reasoning": "off"},
)
