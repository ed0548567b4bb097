"""An engine whose step fails for all running requests when one of them has what it cannot sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import ASGIApp

from detection.intercept import Inference, intercept_busy


def poison_batches(app: ASGIApp, is_poison: Callable[[Mapping[str, Any]], bool]) -> ASGIApp:
    """The application, in which such a request ends all answers that are under way, and is answered 500 itself."""

    async def handle(call: Inference, under_way: Sequence[Inference]) -> None:
        if not is_poison(call.request):
            await call.forward()
            return
        for other in list(under_way):
            if other is not call:
                other.scope["drop"]()
        await call.answer(JSONResponse({"error": {"message": "the engine's step failed"}}, 500))

    return intercept_busy(app, handle)
