"""Every inference fails with a well-formed 500, valid requests and mistakes of the client alike."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.change_answer import replace_answers
from detection.switch import Defect
from harness.reference.api_error import ApiError, make_error_response


def _wrap(app: ASGIApp) -> ASGIApp:
    failure = ApiError(500, "internal error", "internal_error")
    return replace_answers(app, lambda path, body: make_error_response(path, failure))


DEFECT = Defect(
    title="every inference answers 500",
    caught_by="ai-suite/smoke/test_answer.py::test_valid",
    wrap=_wrap,
)
