"""One of four requests opens a connection to somewhere and never closes it."""

from __future__ import annotations

import socket

from starlette.types import ASGIApp

from detection.intercept import Inference, intercept
from detection.switch import PLAIN, V2, Defect, LoadTrial

_STEP, _MOST = 4, 800
"""One of so many requests leaks a socket; and the most, so that the process does not run out of them."""


def _wrap(app: ASGIApp) -> ASGIApp:
    leaked: list[socket.socket] = []
    calls = 0

    async def handle(call: Inference) -> None:
        nonlocal calls
        calls += 1
        if calls % _STEP == 0 and len(leaked) < _MOST:
            leaked.append(socket.socket())
        await call.forward()

    return intercept(app, handle)


DEFECT = Defect(
    title=f"one of {_STEP} requests leaves a connection open",
    caught_by="ai-suite/load/test_soak.py::test_connections",
    protocols=(PLAIN, V2),
    wrap=_wrap,
    load=LoadTrial(settings={"scenario": "soak", "rate": 60, "duration": 30, "warm_up": 1}, words="leaks"),
)
