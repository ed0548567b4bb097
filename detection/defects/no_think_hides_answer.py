"""A switch in the user's text closes the thinking, and the parser, which knows the option alone, waits for it."""

from __future__ import annotations

from detection.change_request import Object, change_pairs, list_messages
from detection.switch import CHAT, Defect


def _hide(request: Object, answer: Object) -> None:
    if "/no_think" not in str(request.get("messages")):
        return
    for holder in list_messages(answer):
        if holder.get("content"):
            holder["reasoning_content"] = holder.pop("content")


DEFECT = Defect(
    title="with `/no_think` in a message the answer comes as thinking",
    caught_by="ai-suite/integration/test_written_text.py::test_template_texts_kept",
    protocols=(CHAT,),
    wrap=lambda app: change_pairs(app, _hide),
)
