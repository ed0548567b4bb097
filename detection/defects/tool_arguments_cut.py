"""The last brace of a tool call's arguments is lost, so that they are no JSON (vLLM #50461: InternLM2, Jamba)."""

from __future__ import annotations

from typing import Any

from detection.change_answer import change_answers
from detection.change_request import list_messages
from detection.switch import CHAT, Defect


def _cut_arguments(answer: dict[str, Any]) -> None:
    for holder in list_messages(answer):
        for call in holder.get("tool_calls") or ():
            if arguments := call["function"].get("arguments"):
                call["function"]["arguments"] = arguments.rstrip("}")


DEFECT = Defect(
    title="the arguments of tool calls lack their last brace",
    caught_by="ai-suite/integration/test_tools.py::test_called",
    protocols=(CHAT,),
    promises={"tools": True},
    wrap=lambda app: change_answers(app, _cut_arguments),
)
