"""A result of a tool whose id was seen in the conversation before is taken for a repeat, and left out."""

from __future__ import annotations

from detection.change_request import Object, change_requests
from detection.switch import CHAT, Defect


def _change(request: Object) -> None:
    seen: set[str] = set()
    messages = []
    for message in request.get("messages") or ():
        id_ = message.get("tool_call_id")
        if id_ not in seen:
            messages.append(message)
        if id_ is not None:
            seen.add(id_)
    request["messages"] = messages


DEFECT = Defect(
    title="a second result with the id of an earlier one is left out",
    caught_by="ai-suite/integration/test_ids.py::test_same_call_id",
    protocols=(CHAT,),
    promises={"tools": True},
    wrap=lambda app: change_requests(app, _change),
)
