"""Answers to repeated requests come from a cache: a load of repeats is quick, and says nothing of the model."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message

from detection.intercept import Inference, intercept
from detection.switch import CHAT, Defect, LoadTrial

_MODEL_S = 0.15


def _wrap(app: ASGIApp) -> ASGIApp:
    cache: dict[bytes, list[Message]] = {}

    async def handle(call: Inference) -> None:
        if call.body not in cache:
            await asyncio.sleep(_MODEL_S)
            cache[call.body] = await call.collect()
        await call.replay(cache[call.body])

    return intercept(app, handle)


DEFECT = Defect(
    title="repeated requests are answered from a cache",
    caught_by="ai-suite/load/test_objectives.py::test_objective",
    protocols=(CHAT,),
    wrap=_wrap,
    load=LoadTrial(
        settings={"rate": 20, "duration": 8, "warm_up": 1, "workload": "sample"},
        objectives=(("latency p75", "<= 2s"),),
        status="INCONCLUSIVE",
        words="a cache answers repeats",
    ),
)
