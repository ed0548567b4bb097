"""A text's vector depends on the texts beside it: padding is not masked (Ollama #6262, sentence-transformers #3278)."""

from __future__ import annotations

import math
from typing import Any

from detection.change_answer import change_answers
from detection.switch import EMBEDDINGS, Defect

_SHARE = 0.2


def _mix(answer: dict[str, Any]) -> None:
    data = answer.get("data", ())
    vectors = [entry["embedding"] for entry in data]
    if len(vectors) < 2 or not all(isinstance(vector, list) for vector in vectors):
        return
    mean = [sum(values) / len(vectors) for values in zip(*vectors, strict=True)]
    for entry in data:
        mixed = [own + _SHARE * common for own, common in zip(entry["embedding"], mean, strict=True)]
        length = math.hypot(*mixed)
        entry["embedding"] = [value / length for value in mixed]


DEFECT = Defect(
    title="a text's vector depends on the other texts of its batch",
    caught_by="ai-suite/integration/test_embeddings.py::test_same_in_any_batch",
    protocols=(EMBEDDINGS,),
    wrap=lambda app: change_answers(app, _mix),
)
