"""`stop` is passed over in silence: the answer goes on past it."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.change_request import change_requests
from detection.switch import CHAT, Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    return change_requests(app, lambda request: request.pop("stop", None))


DEFECT = Defect(
    name="stop_ignored",
    title="answers go on past a stop string",
    caught_by="ai-suite/integration/test_parameters.py::test_stop",
    protocols=(CHAT,),
    wrap=_wrap,
)
