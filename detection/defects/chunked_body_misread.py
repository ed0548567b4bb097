"""A request whose body comes in chunks, without a content-length, is read as one without a body."""

from __future__ import annotations

from detection.intercept import Inference, intercept
from detection.switch import Defect


async def _handle(call: Inference) -> None:
    await call.forward(b"" if "transfer-encoding" in call.headers else None)


DEFECT = Defect(
    title="a chunked request is read as one without a body",
    caught_by="ai-suite/integration/test_http.py::test_forms_accepted",
    wrap=lambda app: intercept(app, _handle),
)
