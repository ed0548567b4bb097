"""Vectors of one dynamic batch have the dimensions that the last of its requests asked for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from detection.intercept import Inference, intercept_busy
from detection.switch import EMBEDDINGS, Defect

_OVERLAP_S = 0.03
"""Every request is under way for that long, so that requests side by side do meet."""


async def _answer(call: Inference, under_way: Sequence[Inference]) -> None:
    await asyncio.sleep(_OVERLAP_S)
    last = under_way[-1]
    if not call.request or last is call or last.path != call.path:
        await call.forward()
        return
    await call.forward(json.dumps({**call.request, "dimensions": last.request.get("dimensions")}).encode())


DEFECT = Defect(
    title="of requests side by side, all get vectors of the dimensions that the last one asked for",
    caught_by="ai-suite/integration/test_concurrent.py::test_own_answers",
    protocols=(EMBEDDINGS,),
    wrap=lambda app: intercept_busy(app, _answer),
)
