"""Numbers below a ten-thousandth underflow in half precision to NaN, which is written as null."""

from __future__ import annotations

from detection.change_answer import change_answers
from detection.change_request import Object
from detection.switch import PLAIN, Defect

_SMALLEST = 1e-4


def _change(answer: Object) -> None:
    rows = answer.get("probabilities")
    if isinstance(rows, list):
        answer["probabilities"] = [[None if number < _SMALLEST else number for number in row] for row in rows]


DEFECT = Defect(
    title="small probabilities are null",
    caught_by="ai-suite/integration/test_property.py::test_generated_requests_survive",
    protocols=(PLAIN,),
    wrap=lambda app: change_answers(app, _change),
)
