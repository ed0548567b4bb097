"""A batch without rows waits for its rows to be done, which never happens."""

from __future__ import annotations

from detection.change_request import read_batch
from detection.intercept import Inference, intercept
from detection.switch import EMBEDDINGS, PLAIN, V2, Defect


async def _handle(call: Inference) -> None:
    await (call.hang() if read_batch(call.request) == [] else call.forward())


DEFECT = Defect(
    title="an empty batch is never answered",
    caught_by="ai-suite/integration/test_batch.py::test_empty_survived",
    protocols=(PLAIN, V2, EMBEDDINGS),
    wrap=lambda app: intercept(app, _handle),
)
