"""The limit of tokens is read under its old name alone (llama-cpp-python #1907)."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.change_request import Object, change_requests
from detection.switch import CHAT, Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    def change(request: Object) -> None:
        request.pop("max_completion_tokens", None)

    return change_requests(app, change)


DEFECT = Defect(
    name="newer_limit_ignored",
    title="max_completion_tokens is ignored",
    caught_by="ai-suite/integration/test_parameters.py::test_max_tokens",
    protocols=(CHAT,),
    wrap=_wrap,
)
