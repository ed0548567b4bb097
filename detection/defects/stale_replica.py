"""One of five replicas missed the last rollout: its older model is a little less sure of the same answers."""

from __future__ import annotations

from itertools import count
from typing import Any

from starlette.types import ASGIApp

from detection.change_answer import change_answers
from detection.switch import PLAIN, V2, Defect

_REPLICAS = 5
_DOUBT = 0.99


def _wrap(app: ASGIApp) -> ASGIApp:
    numbers = count(1)

    def answer_as_before(answer: dict[str, Any]) -> None:
        if next(numbers) % _REPLICAS:
            return
        if "probabilities" in answer:
            answer["probabilities"] = [_spread(row) for row in answer["probabilities"]]
        for output in answer.get("outputs", ()):
            if output["name"] == "probabilities":
                width = output["shape"][-1]
                data = output["data"]
                rows = [_spread(data[start : start + width]) for start in range(0, len(data), width)]
                output["data"] = [value for row in rows for value in row]

    return change_answers(app, answer_as_before)


def _spread(row: list[float]) -> list[float]:
    return [_DOUBT * value + (1 - _DOUBT) / len(row) for value in row]


DEFECT = Defect(
    title="one answer in five comes from an older version of the model",
    caught_by="ai-suite/integration/test_repeat.py::test_one_version",
    protocols=(PLAIN, V2),
    promises={"deterministic": True},
    wrap=_wrap,
)
