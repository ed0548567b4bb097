"""The template writes an empty block of thinking into each earlier answer, and not into the last: all prefixes move."""

from __future__ import annotations

from detection.change_request import Object, change_requests
from detection.switch import CHAT, Defect


def _mark(request: Object) -> None:
    messages = request.get("messages")
    answers = [
        message for message in messages or () if isinstance(message, dict) and message.get("role") == "assistant"
    ]
    for message in answers[:-1]:
        message["content"] = f"<think>\n\n</think>\n\n{message.get('content') or ''}"


DEFECT = Defect(
    title="earlier answers are written anew at each turn, so that no prefix stays",
    caught_by="ai-suite/integration/test_prefix_cache.py::test_kept",
    protocols=(CHAT,),
    wrap=lambda app: change_requests(app, _mark),
    promises={"prefix_cache": True},
)
