"""Every request leaves some memory behind, which is never given back: a list that only grows."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.intercept import Inference, intercept
from detection.switch import PLAIN, V2, Defect, LoadTrial

_BYTES = 40_000


def _wrap(app: ASGIApp) -> ASGIApp:
    leak: list[bytes] = []

    async def handle(call: Inference) -> None:
        leak.append(b"\x01" * _BYTES)
        await call.forward()

    return intercept(app, handle)


DEFECT = Defect(
    title="each request leaves 40 kB of memory behind",
    caught_by="ai-suite/load/test_soak.py::test_memory",
    protocols=(PLAIN, V2),
    wrap=_wrap,
    load=LoadTrial(settings={"scenario": "soak", "rate": 60, "duration": 30, "warm_up": 1}, words="leaks"),
)
