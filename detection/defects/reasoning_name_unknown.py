"""Reasoning is answered under a new name, and an earlier answer's is read under the older one only."""

from __future__ import annotations

from detection.change_request import Object, change_requests, list_turns
from detection.switch import CHAT, Defect


def _change(request: Object) -> None:
    for turn in list_turns(request):
        turn.pop("reasoning", None)


DEFECT = Defect(
    title="earlier reasoning is read under its older name only",
    caught_by="ai-suite/integration/test_conversation.py::test_reasoning",
    protocols=(CHAT,),
    wrap=lambda app: change_requests(app, _change),
)
