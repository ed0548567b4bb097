"""The service says that it is alive and ready, and refuses every inference: a crashed worker behind a healthy front."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.change_answer import replace_answers
from detection.switch import Defect
from harness.reference.api_error import ApiError, make_error_response


def _wrap(app: ASGIApp) -> ASGIApp:
    refusal = ApiError(503, "no worker is available", "unavailable")
    return replace_answers(app, lambda path, body: make_error_response(path, refusal))


DEFECT = Defect(
    title="health and readiness say ok, every inference answers 503",
    caught_by="ai-suite/smoke/test_health.py::test_predicts",
    wrap=_wrap,
)
