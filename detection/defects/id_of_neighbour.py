"""The id of a request is kept in a field that all requests share, and answers carry the last one."""

from __future__ import annotations

from detection.change_request import Object
from detection.neighbour_answers import change_by_neighbour
from detection.switch import V2, Defect


def _change(answer: Object, other: Object) -> None:
    answer["id"] = other.get("id")


DEFECT = Defect(
    title="of requests side by side, all carry the id of the last",
    caught_by="ai-suite/integration/test_concurrent.py::test_own_answers",
    protocols=(V2,),
    wrap=lambda app: change_by_neighbour(app, _change),
)
