"""Every piece of a stream is stripped, so that the words run together (aprender #2367, goclaw #1324)."""

from __future__ import annotations

from typing import Any

from detection.change_answer import change_answers
from detection.change_request import list_messages
from detection.switch import CHAT, Defect


def _strip(answer: dict[str, Any]) -> None:
    if answer.get("object") == "chat.completion.chunk":
        for delta in list_messages(answer):
            if delta.get("content"):
                delta["content"] = delta["content"].strip()


DEFECT = Defect(
    title="streams lose the blanks between words",
    caught_by="ai-suite/smoke/test_stream.py::test_same_text",
    protocols=(CHAT,),
    promises={"deterministic": True},
    wrap=lambda app: change_answers(app, _strip),
)
