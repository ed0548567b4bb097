"""Latency that jumps: most answers come at once, some after up to 200 ms, as on a busy machine."""

from __future__ import annotations

import asyncio
import random

from starlette.types import ASGIApp

from detection.intercept import Inference, intercept
from detection.switch import Variant


def _wrap(app: ASGIApp) -> ASGIApp:
    chance = random.Random(0)

    async def handle(call: Inference) -> None:
        await asyncio.sleep(0.2 * chance.random() ** 4)
        await call.forward()

    return intercept(app, handle)


VARIANT = Variant(title="answers take between 0 and 200 ms longer, mostly little", wrap=_wrap)
