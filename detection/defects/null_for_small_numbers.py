"""Numbers below a ten-thousandth underflow in half precision to NaN, which is written as null."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.change_answer import change_answers
from detection.change_request import Object
from detection.switch import PLAIN, Defect

_SMALLEST = 1e-4


def _wrap(app: ASGIApp) -> ASGIApp:
    def change(answer: Object) -> None:
        rows = answer.get("probabilities")
        if isinstance(rows, list):
            answer["probabilities"] = [[None if number < _SMALLEST else number for number in row] for row in rows]

    return change_answers(app, change)


DEFECT = Defect(
    name="null_for_small_numbers",
    title="small probabilities are null",
    caught_by="ai-suite/integration/test_property.py::test_generated_requests_survive",
    protocols=(PLAIN,),
    wrap=_wrap,
)
