"""Success without a choice: a content filter took the answer out, and left the envelope."""

from __future__ import annotations

from typing import Any

from detection.change_answer import change_answers
from detection.switch import Defect


def _empty(answer: dict[str, Any]) -> None:
    for name in ("choices", "outputs", "predictions", "probabilities"):
        if name in answer:
            answer[name] = []


DEFECT = Defect(
    title="successful answers hold no choice, no output, no prediction",
    caught_by="ai-suite/smoke/test_answer.py::test_valid",
    wrap=lambda app: change_answers(app, _empty),
)
