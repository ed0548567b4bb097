"""The total of the tokens is not the sum of its parts: whoever bills by it bills wrongly."""

from __future__ import annotations

from typing import Any

from starlette.types import ASGIApp

from detection.change_answer import change_answers
from detection.switch import CHAT, Defect


def _misadd(answer: dict[str, Any]) -> None:
    if counts := answer.get("usage"):
        counts["total_tokens"] = counts["completion_tokens"]


def _wrap(app: ASGIApp) -> ASGIApp:
    return change_answers(app, _misadd)


DEFECT = Defect(
    name="wrong_usage",
    title="the total of tokens leaves out the prompt",
    caught_by="ai-suite/integration/test_usage.py::test_counts",
    protocols=(CHAT,),
    wrap=_wrap,
)
