"""A request with a W3C `traceparent` header fails: the tracer that reads it was never set up."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.intercept import Inference, intercept
from detection.switch import Defect
from harness.reference.api_error import ApiError, make_error_response


def _wrap(app: ASGIApp) -> ASGIApp:
    failure = ApiError(500, "internal error", "internal_error")

    async def handle(call: Inference) -> None:
        await (
            call.answer(make_error_response(call.path, failure)) if "traceparent" in call.headers else call.forward()
        )

    return intercept(app, handle)


DEFECT = Defect(
    title="a request with a traceparent header is answered 500",
    caught_by="ai-suite/integration/test_trace.py::test_traced",
    wrap=_wrap,
)
