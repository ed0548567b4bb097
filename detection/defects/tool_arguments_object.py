"""A tool call's arguments come as an object, where the protocol has a text that holds one (LiteLLM #37792)."""

from __future__ import annotations

import json
from typing import Any

from detection.change_answer import change_answers
from detection.switch import CHAT, Defect


def _parse(answer: dict[str, Any]) -> None:
    for choice in answer.get("choices", ()):
        for call in choice.get("message", {}).get("tool_calls") or ():
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])


DEFECT = Defect(
    title="the arguments of tool calls are an object, not a text",
    caught_by="ai-suite/integration/test_tools.py::test_called",
    protocols=(CHAT,),
    promises={"tools": True},
    wrap=lambda app: change_answers(app, _parse),
)
