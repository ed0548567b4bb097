"""A gateway puts words of its own before the first message of a user, where there is no system message."""

from __future__ import annotations

from detection.change_request import Object, change_requests, list_turns
from detection.switch import CHAT, Defect


def _change(request: Object) -> None:
    turns = list_turns(request)
    if turns and turns[0].get("role") == "user" and isinstance(turns[0].get("content"), str):
        turns[0]["content"] = "Answer as the assistant of our shop, in a friendly way. " + turns[0]["content"]


DEFECT = Defect(
    title="without a system message hidden words are put before what the user says",
    caught_by="ai-suite/integration/test_conversation.py::test_hidden_prompt",
    protocols=(CHAT,),
    wrap=lambda app: change_requests(app, _change),
)
