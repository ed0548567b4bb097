"""The first inference takes a second: caches are cold, kernels are compiled."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp

from detection.intercept import Inference, intercept
from detection.switch import Variant


def _wrap(app: ASGIApp) -> ASGIApp:
    warm = False

    async def handle(call: Inference) -> None:
        nonlocal warm
        if not warm:
            warm = True
            await asyncio.sleep(1.0)
        await call.forward()

    return intercept(app, handle)


VARIANT = Variant(title="the first inference takes a second", wrap=_wrap)
