"""Requests side by side are answered as one batch, and one bad among them fails them all (LitServe #340)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.types import Message

from detection.intercept import Inference, intercept_batches
from detection.switch import CHAT, EMBEDDINGS, PLAIN, V2, Defect


async def _answer(calls: Sequence[Inference]) -> Sequence[Sequence[Message]]:
    answers = await asyncio.gather(*(call.collect() for call in calls))
    failed = next((messages for messages in answers if messages[0]["status"] >= 400), None)
    return answers if failed is None else [failed] * len(calls)


DEFECT = Defect(
    title="a bad request fails those that are answered with it in one batch",
    caught_by="ai-suite/integration/test_concurrent.py::test_own_answers",
    protocols=(PLAIN, V2, CHAT, EMBEDDINGS),
    wrap=lambda app: intercept_batches(app, _answer),
)
