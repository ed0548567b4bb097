"""Vectors that are promised to have length 1 have another."""

from __future__ import annotations

from typing import Any

from detection.change_answer import change_answers
from detection.switch import EMBEDDINGS, Defect


def _stretch(answer: dict[str, Any]) -> None:
    for entry in answer.get("data", ()):
        if isinstance(entry["embedding"], list):
            entry["embedding"] = [value * 3 for value in entry["embedding"]]


DEFECT = Defect(
    title="vectors have length 3 where 1 is promised",
    caught_by="ai-suite/integration/test_embeddings.py::test_normalised",
    protocols=(EMBEDDINGS,),
    promises={"normalised": True},
    wrap=lambda app: change_answers(app, _stretch),
)
