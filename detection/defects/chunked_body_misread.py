"""A request whose body comes in chunks, without a content-length, is read as one without a body."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.intercept import Call, taking
from detection.switch import Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    async def handle(call: Call) -> None:
        await call.forward(b"" if "transfer-encoding" in call.headers else None)

    return taking(app, handle)


DEFECT = Defect(
    name="chunked_body_misread",
    title="a chunked request is read as one without a body",
    caught_by="ai-suite/integration/test_http.py::test_forms_accepted",
    wrap=_wrap,
)
