"""Beside tools one choice is answered, whatever n says."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.change_request import Object, change_requests
from detection.switch import CHAT, Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    def change(request: Object) -> None:
        if request.get("tools"):
            request.pop("n", None)

    return change_requests(app, change)


DEFECT = Defect(
    name="one_choice_beside_tools",
    title="beside tools one choice is answered, whatever n says",
    caught_by="ai-suite/integration/test_combinations.py::test_combinations",
    protocols=(CHAT,),
    promises={"tools": True, "choices": True},
    wrap=_wrap,
)
