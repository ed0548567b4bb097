"""The index of entry vector is its place in the server's own batch, not in the request's (Xinference #5240)."""

from __future__ import annotations

from typing import Any

from detection.change_answer import change_answers
from detection.switch import EMBEDDINGS, Defect


def _shift(answer: dict[str, Any]) -> None:
    for entry in answer.get("data", ()):
        entry["index"] += 1


DEFECT = Defect(
    title="the index of vectors begins at 1",
    caught_by="ai-suite/smoke/test_answer.py::test_valid",
    protocols=(EMBEDDINGS,),
    wrap=lambda app: change_answers(app, _shift),
)
