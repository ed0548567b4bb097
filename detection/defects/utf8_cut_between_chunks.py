"""Each chunk is decoded by itself: a character cut between two becomes U+FFFD twice (ferrox #124, lucebox #641)."""

from __future__ import annotations

from detection.change_answer import change_answers
from detection.change_request import list_messages
from detection.switch import CHAT, Defect


def _cut_event(answer: dict[str, object]) -> None:
    if answer.get("object") != "chat.completion.chunk":
        return
    for delta in list_messages(answer):
        text = delta.get("content") or ""
        for at in (0, -1):
            if text and ord(text[at]) > 127:
                text = "\ufffd" + text[1:] if at == 0 else text[:-1] + "\ufffd"
        if text:
            delta["content"] = text


DEFECT = Defect(
    title="in streams, characters at the edge of a chunk become U+FFFD",
    caught_by="ai-suite/integration/test_unicode.py",
    protocols=(CHAT,),
    wrap=lambda app: change_answers(app, _cut_event),
)
