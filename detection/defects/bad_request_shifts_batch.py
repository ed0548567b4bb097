"""A bad request is taken out of its batch, and the answers of those behind it move up by one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.types import Message

from detection.intercept import Inference, intercept_batches
from detection.switch import CHAT, PLAIN, V2, Defect


async def _answer(calls: Sequence[Inference]) -> Sequence[Sequence[Message]]:
    answers = await asyncio.gather(*(call.collect() for call in calls))
    good = [messages for messages in answers if messages[0]["status"] < 400]
    bad = [messages for messages in answers if messages[0]["status"] >= 400]
    return [*good, *bad]


DEFECT = Defect(
    title="a bad request is left out of its batch, and those behind it get one another's answers",
    caught_by="ai-suite/integration/test_concurrent.py::test_own_answers",
    protocols=(PLAIN, V2, CHAT),
    wrap=lambda app: intercept_batches(app, _answer),
)
