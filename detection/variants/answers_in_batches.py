"""Requests side by side wait for one another and are answered together, each by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.types import Message

from detection.intercept import Inference, intercept_batches
from detection.switch import CHAT, EMBEDDINGS, PLAIN, V2, Variant


async def _answer(calls: Sequence[Inference]) -> Sequence[Sequence[Message]]:
    return await asyncio.gather(*(call.collect() for call in calls))


VARIANT = Variant(
    title="requests side by side are answered together, each by itself",
    protocols=(PLAIN, V2, CHAT, EMBEDDINGS),
    wrap=lambda app: intercept_batches(app, _answer),
)
