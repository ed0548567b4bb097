"""Vectors have another dimension than the index was built for."""

from __future__ import annotations

from typing import Any

from starlette.types import ASGIApp

from detection.rewrite import changing
from detection.switch import EMBEDDINGS, Defect
from harness.reference.embeddings import DIMENSION


def _shorten(answer: dict[str, Any]) -> None:
    for each in answer.get("data", ()):
        if isinstance(each["embedding"], list):
            each["embedding"].pop()


def _wrap(app: ASGIApp) -> ASGIApp:
    return changing(app, _shorten)


DEFECT = Defect(
    name="embeddings_wrong_dimension",
    title="vectors lack their last number",
    caught_by="ai-suite/integration/test_embeddings.py::test_dimension",
    protocols=(EMBEDDINGS,),
    promises={"dimension": DIMENSION},
    wrap=_wrap,
)
