"""Text passes through a C string: it ends at the first NUL."""

from __future__ import annotations

from detection.change_request import change_requests
from detection.switch import CHAT, Defect


def _cut_text(request: dict[str, object]) -> None:
    messages = request.get("messages")
    for message in messages if isinstance(messages, list) else ():
        if isinstance(message, dict) and isinstance(message.get("content"), str):
            message["content"] = message["content"].partition("\0")[0]


DEFECT = Defect(
    title="a prompt is cut at its first NUL",
    caught_by="ai-suite/integration/test_unicode.py",
    protocols=(CHAT,),
    wrap=lambda app: change_requests(app, _cut_text),
)
