"""The vectors of a batch come in another order than their texts (Ollama #6187)."""

from __future__ import annotations

from detection.change_request import change_rows
from detection.switch import EMBEDDINGS, Defect

DEFECT = Defect(
    title="the vectors of a batch come in reverse order",
    caught_by="ai-suite/integration/test_embeddings.py::test_same_in_any_batch",
    protocols=(EMBEDDINGS,),
    wrap=lambda app: change_rows(app, lambda texts: texts[::-1]),
)
