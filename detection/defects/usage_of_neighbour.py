"""The token counts of the last request are stated in the answers of all beside it."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.neighbour_answers import Object, change_by_neighbour
from detection.switch import CHAT, EMBEDDINGS, Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    def change(answer: Object, other: Object) -> None:
        answer["usage"] = other["usage"]

    return change_by_neighbour(app, change)


DEFECT = Defect(
    name="usage_of_neighbour",
    title="of requests side by side, all state the token counts of the last",
    caught_by="ai-suite/integration/test_concurrent.py::test_own_answers",
    protocols=(CHAT, EMBEDDINGS),
    wrap=_wrap,
)
