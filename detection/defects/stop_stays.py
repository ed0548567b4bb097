"""The stop sequences of a request are kept in the settings of the engine, and end the answers after it, too."""

from __future__ import annotations

from typing import Any

from starlette.types import ASGIApp

from detection.change_request import Object, change_requests
from detection.switch import CHAT, Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    settings: dict[str, Any] = {}

    def change(request: Object) -> None:
        if request.get("stop"):
            settings["stop"] = request["stop"]
        elif "messages" in request:
            request.update(settings)

    return change_requests(app, change)


DEFECT = Defect(
    name="stop_stays",
    title="the stop sequence of a request ends the answers to later ones",
    caught_by="ai-suite/integration/test_left_options.py::test_options_end",
    protocols=(CHAT,),
    wrap=_wrap,
)
