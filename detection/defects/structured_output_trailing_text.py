"""After the object that the schema asks for the model says something polite."""

from __future__ import annotations

from detection.change_request import Object, change_pairs
from detection.switch import CHAT, Defect

_POLITE = "\n\nI hope this helps!"


def _chatter(request: Object, answer: Object) -> None:
    if not str((request.get("response_format") or {}).get("type", "")).startswith("json"):
        return
    for choice in answer.get("choices", ()):
        if choice.get("finish_reason"):
            holder = choice.get("message") or choice["delta"]
            holder["content"] = (holder.get("content") or "") + _POLITE


DEFECT = Defect(
    title="text comes after the object that a schema asks for",
    caught_by="ai-suite/integration/test_structured.py::test_obeys",
    protocols=(CHAT,),
    promises={"structured_output": True},
    wrap=lambda app: change_pairs(app, _chatter),
)
