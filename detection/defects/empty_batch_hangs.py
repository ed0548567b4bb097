"""A batch without rows waits for its rows to be done, which never happens."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.intercept import Call, taking
from detection.remake import rows_of
from detection.switch import EMBEDDINGS, PLAIN, V2, Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    async def handle(call: Call) -> None:
        await (call.hang() if rows_of(call.request) == [] else call.forward())

    return taking(app, handle)


DEFECT = Defect(
    name="empty_batch_hangs",
    title="an empty batch is never answered",
    caught_by="ai-suite/integration/test_batch.py::test_empty_survived",
    protocols=(PLAIN, V2, EMBEDDINGS),
    wrap=_wrap,
)
