"""The id of a request is kept in a field that all requests share, and answers carry the last one."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.neighbour_answers import Object, change_by_neighbour
from detection.switch import V2, Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    def change(answer: Object, other: Object) -> None:
        answer["id"] = other.get("id")

    return change_by_neighbour(app, change)


DEFECT = Defect(
    name="id_of_neighbour",
    title="of requests side by side, all carry the id of the last",
    caught_by="ai-suite/integration/test_concurrent.py::test_own_answers",
    protocols=(V2,),
    wrap=_wrap,
)
