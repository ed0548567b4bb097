"""`seed` is passed over in silence: the same seed draws another answer each time."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.change_request import change_requests
from detection.switch import CHAT, Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    return change_requests(app, lambda request: request.pop("seed", None))


DEFECT = Defect(
    name="seed_ignored",
    title="the same seed gives another answer each time",
    caught_by="ai-suite/integration/test_parameters.py::test_seed",
    protocols=(CHAT,),
    promises={"deterministic": True},
    wrap=_wrap,
)
