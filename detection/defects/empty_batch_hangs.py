"""A batch without rows waits for its rows to be done, which never happens."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.change_request import read_rows
from detection.intercept import Inference, intercept
from detection.switch import EMBEDDINGS, PLAIN, V2, Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    async def handle(call: Inference) -> None:
        await (call.hang() if read_rows(call.request) == [] else call.forward())

    return intercept(app, handle)


DEFECT = Defect(
    name="empty_batch_hangs",
    title="an empty batch is never answered",
    caught_by="ai-suite/integration/test_batch.py::test_empty_survived",
    protocols=(PLAIN, V2, EMBEDDINGS),
    wrap=_wrap,
)
