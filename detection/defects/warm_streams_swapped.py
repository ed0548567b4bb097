"""The sampler of warm requests has one state for all: of streams side by side, all get the text of the last."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from detection.intercept import Inference, intercept_busy
from detection.switch import CHAT, Defect

_OVERLAP_S = 0.02


async def _handle(call: Inference, under_way: Sequence[Inference]) -> None:
    if not (call.streams and call.request.get("temperature")):
        await call.forward()
        return
    await asyncio.sleep(_OVERLAP_S)
    like = [other for other in under_way if other.streams and other.request.get("temperature")]
    await call.forward(like[-1].body)


DEFECT = Defect(
    title="streams side by side get the text of the last one, if their temperature is over 0",
    caught_by="ai-suite/integration/test_combinations.py::test_combinations",
    protocols=(CHAT,),
    wrap=lambda app: intercept_busy(app, _handle),
)
