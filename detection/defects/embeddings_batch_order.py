"""The vectors of a batch come in another order than their texts (Ollama #6187)."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.change_request import change_rows
from detection.switch import EMBEDDINGS, Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    return change_rows(app, lambda texts: texts[::-1])


DEFECT = Defect(
    name="embeddings_batch_order",
    title="the vectors of a batch come in reverse order",
    caught_by="ai-suite/integration/test_embeddings.py::test_same_in_any_batch",
    protocols=(EMBEDDINGS,),
    wrap=_wrap,
)
