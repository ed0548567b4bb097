"""The token counts of the last request are stated in the answers of all beside it."""

from __future__ import annotations

from detection.change_request import Object
from detection.neighbour_answers import change_by_neighbour
from detection.switch import CHAT, EMBEDDINGS, Defect


def _change(answer: Object, other: Object) -> None:
    answer["usage"] = other["usage"]


DEFECT = Defect(
    title="of requests side by side, all state the token counts of the last",
    caught_by="ai-suite/integration/test_concurrent.py::test_own_answers",
    protocols=(CHAT, EMBEDDINGS),
    wrap=lambda app: change_by_neighbour(app, _change),
)
