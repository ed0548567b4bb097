"""Several long prompts at once are answered, and use up what every request after them needs."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import JSONResponse
from starlette.types import ASGIApp

from detection.intercept import Inference, intercept_busy
from detection.switch import CHAT, Defect

_ROOM = 40_000


def _wrap(app: ASGIApp) -> ASGIApp:
    is_exhausted = False

    async def handle(call: Inference, under_way: Sequence[Inference]) -> None:
        nonlocal is_exhausted
        if is_exhausted and len(under_way) == 1:
            await call.answer(JSONResponse({"error": {"message": "out of memory", "type": "server_error"}}, 500))
            return
        is_exhausted = is_exhausted or sum(len(other.body) for other in under_way) > _ROOM
        await call.forward()

    return intercept_busy(app, handle)


DEFECT = Defect(
    name="long_prompts_exhaust",
    title=f"after prompts of over {_ROOM:,} bytes together every request fails",
    caught_by="ai-suite/integration/test_long_prompts.py::test_together",
    protocols=(CHAT,),
    wrap=_wrap,
)
