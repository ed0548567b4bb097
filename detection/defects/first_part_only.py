"""Of a content of several parts only the first one is read."""

from __future__ import annotations

from detection.change_request import Object, change_requests, list_turns
from detection.switch import CHAT, Defect


def _change(request: Object) -> None:
    for turn in list_turns(request):
        if isinstance(turn.get("content"), list):
            turn["content"] = turn["content"][:1]


DEFECT = Defect(
    title="of a content of several parts only the first reaches the model",
    caught_by="ai-suite/integration/test_conversation.py::test_messages",
    protocols=(CHAT,),
    wrap=lambda app: change_requests(app, _change),
)
