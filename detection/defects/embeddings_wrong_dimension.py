"""Vectors have another dimension than the index was built for."""

from __future__ import annotations

from typing import Any

from detection.change_answer import change_answers
from detection.switch import EMBEDDINGS, Defect
from harness.reference.embeddings import DIMENSION


def _shorten(answer: dict[str, Any]) -> None:
    for entry in answer.get("data", ()):
        if isinstance(entry["embedding"], list):
            entry["embedding"].pop()


DEFECT = Defect(
    title="vectors lack their last number",
    caught_by="ai-suite/integration/test_embeddings.py::test_dimension",
    protocols=(EMBEDDINGS,),
    promises={"dimension": DIMENSION},
    wrap=lambda app: change_answers(app, _shorten),
)
