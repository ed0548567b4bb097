"""Tokens that were written before a request was put back into the queue are not counted (ExLlamaV3)."""

from __future__ import annotations

from typing import Any

from detection.change_answer import change_answers
from detection.switch import CHAT, Defect


def _forget(answer: dict[str, Any]) -> None:
    if counts := answer.get("usage"):
        counts["completion_tokens"] = counts["completion_tokens"] // 4
        counts["total_tokens"] = counts["prompt_tokens"] + counts["completion_tokens"]


DEFECT = Defect(
    title="a quarter of the completion tokens is counted",
    caught_by="ai-suite/integration/test_usage.py::test_counts",
    protocols=(CHAT,),
    wrap=lambda app: change_answers(app, _forget),
)
