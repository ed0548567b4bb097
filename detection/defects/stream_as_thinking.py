"""Streamed, the answer is put where thinking belongs, and the text stays empty (vLLM's reasoning parsers)."""

from __future__ import annotations

from typing import Any

from detection.change_answer import change_answers
from detection.switch import CHAT, Defect


def _move(answer: dict[str, Any]) -> None:
    for choice in answer.get("choices", ()):
        delta = choice.get("delta") or {}
        if delta.get("content"):
            delta["reasoning"] = delta.pop("content")


DEFECT = Defect(
    title="streamed, the answer comes as thinking and the text is empty",
    caught_by="ai-suite/smoke/test_stream.py::test_complete",
    protocols=(CHAT,),
    wrap=lambda app: change_answers(app, _move),
)
