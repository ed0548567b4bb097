"""Calls of tools that a service fails to recognise: they come out as words, in a place that is not theirs."""

from __future__ import annotations

from typing import Any

from starlette.types import ASGIApp

from detection.change_answer import change_answers
from detection.change_request import Object


def move_calls(app: ASGIApp, member: str, opening: str = "") -> ASGIApp:
    """Write the calls of each chat answer into this member of its message or delta, after `opening`."""

    def change(answer: Object) -> None:
        for choice in answer.get("choices", ()):
            holder = choice.get("message") or choice.get("delta") or {}
            words = "".join(map(_write_call, holder.pop("tool_calls", None) or ()))
            if words:
                holder[member] = (holder.get(member) or "") + opening + words
            if choice.get("finish_reason") == "tool_calls":
                choice["finish_reason"] = "stop"

    return change_answers(app, change)


def _write_call(call: dict[str, Any]) -> str:
    function = call["function"]
    name, arguments = function.get("name"), str(function.get("arguments", ""))
    return f"I call {name} with {arguments}" if name else arguments
