"""Structured output opens an object, is filled with blanks, and never closes it (grammars that allow white space)."""

from __future__ import annotations

from detection.change_request import Object, change_pairs, list_messages
from detection.switch import CHAT, Defect

_BLANKS_A_TOKEN = 4


def _fill(request: Object, answer: Object) -> None:
    if not str((request.get("response_format") or {}).get("type", "")).startswith("json"):
        return
    limit = int(request.get("max_tokens") or request.get("max_completion_tokens") or 16)
    for choice in answer.get("choices", ()):
        if choice.get("finish_reason"):
            choice["finish_reason"] = "length"
    for holder in list_messages(answer):
        if holder.get("content"):
            holder["content"] = holder["content"].replace("}", " " * _BLANKS_A_TOKEN * limit)


DEFECT = Defect(
    title="structured output never closes its object, and runs to the limit of tokens",
    caught_by="ai-suite/integration/test_structured.py::test_obeys",
    protocols=(CHAT,),
    wrap=lambda app: change_pairs(app, _fill),
    promises={"structured_output": True},
)
