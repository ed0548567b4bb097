"""The label of some inputs is a text: a mapping of classes has some keys that are texts and some that are numbers."""

from __future__ import annotations

from typing import Any

from detection.change_answer import change_answers
from detection.switch import PLAIN, Defect

_MAPPED = (3, 4, 5)
"""Classes that the mapping has as texts."""


def _name_labels(answer: dict[str, Any]) -> None:
    if "predictions" in answer:
        answer["predictions"] = [str(label) if label in _MAPPED else label for label in answer["predictions"]]


DEFECT = Defect(
    title="the label is a number for some inputs and a text for others",
    caught_by="ai-suite/integration/test_repeat.py::test_one_kind",
    protocols=(PLAIN,),
    wrap=lambda app: change_answers(app, _name_labels),
)
