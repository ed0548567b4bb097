"""`application/json; charset=utf-8` is not recognised as JSON, and fails as if the server were broken (KServe V1)."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.intercept import Inference, intercept
from detection.switch import Defect
from harness.reference.api_error import ApiError, make_error_response


def _wrap(app: ASGIApp) -> ASGIApp:
    failure = ApiError(500, "byte indices must be integers or slices, not str", "internal_error")

    async def handle(call: Inference) -> None:
        if "charset" in call.headers.get("content-type", ""):
            await call.answer(make_error_response(call.path, failure))
        else:
            await call.forward()

    return intercept(app, handle)


DEFECT = Defect(
    title="a content type with a charset is answered 500",
    caught_by="ai-suite/integration/test_http.py::test_forms_accepted",
    wrap=_wrap,
)
