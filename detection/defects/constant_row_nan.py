"""Rows are divided by their deviation, which is 0 where all values are the same: the answer is NaN, with 200."""

from __future__ import annotations

import math
from typing import Any

from detection.change_request import Object, change_pairs, read_batch
from detection.switch import PLAIN, V2, Defect


def _divide(request: Object, answer: Object) -> None:
    rows: list[Any] = read_batch(request) or []
    if not any(isinstance(row, list) and len(set(row)) == 1 for row in rows):
        return
    if "probabilities" in answer:
        answer["probabilities"][0][0] = math.nan
    for output in answer.get("outputs", ()):
        if output["name"] == "probabilities":
            output["data"][0] = math.nan


DEFECT = Defect(
    title="a row whose values are all the same is answered with NaN",
    caught_by="ai-suite/integration/test_property.py::test_generated_requests_survive",
    protocols=(PLAIN, V2),
    wrap=lambda app: change_pairs(app, _divide),
)
