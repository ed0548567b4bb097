"""A bad request is taken out of its batch, and the answers of those behind it move up by one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.types import ASGIApp, Message

from detection.intercept import Inference, intercept_batches
from detection.switch import CHAT, PLAIN, V2, Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    async def answer(calls: Sequence[Inference]) -> Sequence[Sequence[Message]]:
        answers = await asyncio.gather(*(call.collect() for call in calls))
        good = [messages for messages in answers if messages[0]["status"] < 400]
        bad = [messages for messages in answers if messages[0]["status"] >= 400]
        return [*good, *bad]

    return intercept_batches(app, answer)


DEFECT = Defect(
    name="bad_request_shifts_batch",
    title="a bad request is left out of its batch, and those behind it get one another's answers",
    caught_by="ai-suite/integration/test_concurrent.py::test_own_answers",
    protocols=(PLAIN, V2, CHAT),
    wrap=_wrap,
)
