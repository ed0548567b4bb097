"""The path of streams knows the limit of tokens under its old name alone."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.change_request import Object, change_requests
from detection.switch import CHAT, Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    def change(request: Object) -> None:
        if request.get("stream"):
            request.pop("max_completion_tokens", None)

    return change_requests(app, change)


DEFECT = Defect(
    name="limit_ignored_in_streams",
    title="max_completion_tokens is ignored in streams",
    caught_by="ai-suite/integration/test_combinations.py::test_combinations",
    protocols=(CHAT,),
    wrap=_wrap,
)
