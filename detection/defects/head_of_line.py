"""A long prompt is read in one go, and nobody else is served meanwhile."""

from __future__ import annotations

import asyncio
import json

from starlette.types import ASGIApp

from detection.intercept import Inference, intercept
from detection.switch import CHAT, Defect, LoadTrial

_WORDS, _READ_S = 150, 0.45


def _wrap(app: ASGIApp) -> ASGIApp:
    reader = asyncio.Lock()

    async def handle(call: Inference) -> None:
        async with reader:
            if len(json.dumps(call.request.get("messages")).split()) > _WORDS:
                await asyncio.sleep(_READ_S)
                await call.forward()
                return
        await call.forward()

    return intercept(app, handle)


DEFECT = Defect(
    title=f"while a prompt of over {_WORDS} words is read, nobody else is served",
    caught_by="ai-suite/load/test_queue.py::test_unblocked",
    protocols=(CHAT,),
    wrap=_wrap,
    load=LoadTrial(
        settings={
            "rate": 24,
            "duration": 10,
            "warm_up": 1,
            "workload": "mix",
            "mix": [
                {"weight": 24, "input_tokens": {"mean": 20}, "output_tokens": {"mean": 2}},
                {"weight": 1, "input_tokens": {"mean": 200}, "output_tokens": {"mean": 2}},
            ],
        },
        words="a large request blocks all others",
    ),
)
