"""Scores are sold as probabilities: the rows do not sum to 1."""

from __future__ import annotations

from typing import Any

from detection.change_answer import change_answers
from detection.switch import PLAIN, V2, Defect


def _halve(answer: dict[str, Any]) -> None:
    if "probabilities" in answer:
        answer["probabilities"] = [[value / 2 for value in row] for row in answer["probabilities"]]
    for output in answer.get("outputs", ()):
        if output["name"] == "probabilities":
            output["data"] = [value / 2 for value in output["data"]]


DEFECT = Defect(
    title="probabilities sum to 0.5",
    caught_by="ai-suite/smoke/test_answer.py::test_valid",
    protocols=(PLAIN, V2),
    wrap=lambda app: change_answers(app, _halve),
)
