"""The cache of keys and values holds one long prompt: others beside it fail."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.responses import JSONResponse

from detection.intercept import Inference, intercept_busy
from detection.switch import CHAT, Defect

_ROOM = 20_000
_LONG, _READING_S = 5000, 0.2
"""A prompt of over so many bytes takes so long to read, in which others come."""


async def _handle(call: Inference, under_way: Sequence[Inference]) -> None:
    if len(call.body) > _LONG:
        await asyncio.sleep(_READING_S)
    if len(under_way) > 1 and sum(len(other.body) for other in under_way) > _ROOM:
        await call.answer(JSONResponse({"error": {"message": "no free block", "type": "server_error"}}, 500))
    else:
        await call.forward()


DEFECT = Defect(
    title=f"prompts of over {_ROOM:,} bytes together, each of which is answered alone, fail side by side",
    caught_by="ai-suite/integration/test_long_prompts.py::test_together",
    protocols=(CHAT,),
    wrap=lambda app: intercept_busy(app, _handle),
)
