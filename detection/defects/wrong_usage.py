"""The total of the tokens is not the sum of its parts: whoever bills by it bills wrongly."""

from __future__ import annotations

from typing import Any

from detection.change_answer import change_answers
from detection.switch import CHAT, Defect


def _misadd(answer: dict[str, Any]) -> None:
    if counts := answer.get("usage"):
        counts["total_tokens"] = counts["completion_tokens"]


DEFECT = Defect(
    title="the total of tokens leaves out the prompt",
    caught_by="ai-suite/integration/test_usage.py::test_counts",
    protocols=(CHAT,),
    wrap=lambda app: change_answers(app, _misadd),
)
