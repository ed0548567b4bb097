"""A prompt that is to stand before its text does not, and only the text has log-probabilities."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.change_request import Object, change_requests
from detection.switch import COMPLETIONS, Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    def change(request: Object) -> None:
        request.pop("echo", None)

    return change_requests(app, change)


DEFECT = Defect(
    name="echo_ignored",
    title="a prompt is not echoed although that is asked for",
    caught_by="ai-suite/integration/test_echo.py::test_prompt_covered",
    protocols=(COMPLETIONS,),
    wrap=_wrap,
)
