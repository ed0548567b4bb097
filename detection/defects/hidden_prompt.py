"""A template has a system message of its own for conversations without one."""

from __future__ import annotations

from detection.change_request import Object, change_requests, list_turns
from detection.switch import CHAT, Defect


def _change(request: Object) -> None:
    turns = list_turns(request)
    if turns and turns[0].get("role") != "system":
        note = "You are a helpful assistant of the company that made this service, and you are always polite."
        request["messages"] = [{"role": "system", "content": note}, *turns]


DEFECT = Defect(
    title="without a system message a hidden one is put before the conversation",
    caught_by="ai-suite/integration/test_conversation.py::test_hidden_prompt",
    protocols=(CHAT,),
    wrap=lambda app: change_requests(app, _change),
)
