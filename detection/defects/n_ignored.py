"""`n` is passed over in silence: one choice comes, however many were asked for (llama-cpp-python, transformers)."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.change_request import change_requests
from detection.switch import CHAT, Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    return change_requests(app, lambda request: request.pop("n", None))


DEFECT = Defect(
    name="n_ignored",
    title="one choice is answered, whatever n says",
    caught_by="ai-suite/integration/test_parameters.py::test_choices",
    protocols=(CHAT,),
    promises={"choices": True},
    wrap=_wrap,
)
