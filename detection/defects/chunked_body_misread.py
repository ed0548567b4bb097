"""A request whose body comes in chunks, without a content-length, is read as one without a body."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.intercept import Inference, intercept
from detection.switch import Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    async def handle(call: Inference) -> None:
        await call.forward(b"" if "transfer-encoding" in call.headers else None)

    return intercept(app, handle)


DEFECT = Defect(
    name="chunked_body_misread",
    title="a chunked request is read as one without a body",
    caught_by="ai-suite/integration/test_http.py::test_forms_accepted",
    wrap=_wrap,
)
