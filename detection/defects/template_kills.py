"""A request may bring its own template, and one that does not end keeps the worker for ever."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.intercept import Inference, intercept
from detection.switch import CHAT, Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    is_busy = False

    async def handle(call: Inference) -> None:
        nonlocal is_busy
        is_busy = is_busy or "range(" in str(call.request.get("chat_template"))
        if is_busy:
            await call.hang()
        else:
            await call.forward()

    return intercept(app, handle)


DEFECT = Defect(
    title="one template that does not end keeps the service from answering anybody",
    caught_by="ai-suite/adversarial/test_security.py::test_one_request_kills",
    protocols=(CHAT,),
    wrap=_wrap,
)
