"""Requests side by side share one slot, and some get the answer to another one (as llama.cpp #10072 had it)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from detection.intercept import Inference, intercept_busy
from detection.switch import Defect

_OVERLAP_S = 0.02
"""Every request is in the slot for that long, so that requests side by side do meet."""


async def _handle(call: Inference, under_way: Sequence[Inference]) -> None:
    await asyncio.sleep(_OVERLAP_S)
    like = [other for other in under_way if other.path == call.path and other.streams == call.streams]
    await call.forward(like[-1].body)


DEFECT = Defect(
    title="of requests side by side, all get the answer to the last",
    caught_by="ai-suite/integration/test_concurrent.py::test_own_answers",
    wrap=lambda app: intercept_busy(app, _handle),
)
