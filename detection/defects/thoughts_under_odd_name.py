"""Thinking is in a member of a name that no client reads."""

from __future__ import annotations

from typing import Any

from detection.change_answer import change_answers
from detection.switch import CHAT, Defect
from detection.thinking import add_thinking


def _hide_count(answer: dict[str, Any]) -> None:
    (answer.get("usage") or {}).pop("completion_tokens_details", None)


DEFECT = Defect(
    title="thinking, promised to be on, is in a member that no client reads",
    caught_by="ai-suite/integration/test_written_text.py::test_reasoning_promised",
    protocols=(CHAT,),
    wrap=lambda app: change_answers(add_thinking(app, 6, "inner_monologue"), _hide_count),
    promises={"reasoning": "on"},
)
