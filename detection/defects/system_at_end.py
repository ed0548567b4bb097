"""The template joins the system's message to whichever message of the user is the last: all prefixes move (Mistral)."""

from __future__ import annotations

from detection.change_request import Object, change_requests
from detection.switch import CHAT, Defect


def _move(request: Object) -> None:
    messages = request.get("messages")
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        return
    first, last = messages[:1], messages[-1:]
    if first and first[0].get("role") == "system" and last[0].get("role") == "user":
        last[0]["content"] = f"{first[0].get('content')}\n\n{last[0].get('content')}"
        request["messages"] = messages[1:]


DEFECT = Defect(
    title="the system's message moves to the last turn, so that no prefix stays",
    caught_by="ai-suite/integration/test_prefix_cache.py::test_kept",
    protocols=(CHAT,),
    wrap=lambda app: change_requests(app, _move),
    promises={"prefix_cache": True},
)
