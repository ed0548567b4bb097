"""A template writes the system message where it comes first, and leaves out every later one."""

from __future__ import annotations

from detection.change_request import Object, change_requests, list_turns
from detection.switch import CHAT, Defect


def _change(request: Object) -> None:
    turns = [turn for number, turn in enumerate(list_turns(request)) if number == 0 or turn.get("role") != "system"]
    if turns:
        request["messages"] = turns


DEFECT = Defect(
    title="a system message that is not the first does not reach the model",
    caught_by="ai-suite/integration/test_conversation.py::test_messages",
    protocols=(CHAT,),
    wrap=lambda app: change_requests(app, _change),
)
