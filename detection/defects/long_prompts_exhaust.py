"""Several long prompts at once are answered, and use up what every request after them needs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.responses import JSONResponse
from starlette.types import ASGIApp

from detection.intercept import Inference, intercept_busy
from detection.switch import CHAT, Defect

_ROOM = 40_000
_LONG, _READING_S = 5000, 0.2
"""A prompt of over so many bytes takes so long to read, in which others come."""


def _count_prompt(call: Inference) -> int:
    return len(str(call.request.get("messages")))


def _wrap(app: ASGIApp) -> ASGIApp:
    is_exhausted = False

    async def handle(call: Inference, under_way: Sequence[Inference]) -> None:
        nonlocal is_exhausted
        if len(call.body) > _LONG:
            await asyncio.sleep(_READING_S)
        if is_exhausted and len(under_way) == 1:
            await call.answer(JSONResponse({"error": {"message": "out of memory", "type": "server_error"}}, 500))
            return
        is_exhausted = is_exhausted or sum(map(_count_prompt, under_way)) > _ROOM
        await call.forward()

    return intercept_busy(app, handle)


DEFECT = Defect(
    title=f"after prompts of over {_ROOM:,} bytes together every request fails",
    caught_by="ai-suite/integration/test_long_prompts.py::test_together",
    protocols=(CHAT,),
    wrap=_wrap,
)
