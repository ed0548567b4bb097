"""A proxy that ends the connection when a body is too large, without the 413 that would say so."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.intercept import Inference, intercept
from detection.switch import Defect

_MOST = 64 * 1024


def _wrap(app: ASGIApp) -> ASGIApp:
    async def handle(call: Inference) -> None:
        await (call.drop() if len(call.body) > _MOST else call.forward())

    return intercept(app, handle)


DEFECT = Defect(
    name="body_limit_resets",
    title="a body of more than 64 KiB gets its connection reset, and no answer",
    caught_by="ai-suite/integration/test_limits.py::test_body",
    wrap=_wrap,
)
