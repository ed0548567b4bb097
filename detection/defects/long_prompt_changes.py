"""Of long prompts side by side, some get another answer: the batch changes what the model says."""

from __future__ import annotations

import json
from collections.abc import Sequence

from starlette.types import ASGIApp

from detection.intercept import Inference, intercept_busy
from detection.switch import CHAT, Defect, LoadTrial

_WORDS, _EVERY = 200, 2


def _wrap(app: ASGIApp) -> ASGIApp:
    count = 0

    async def handle(call: Inference, under_way: Sequence[Inference]) -> None:
        nonlocal count
        is_long = len(json.dumps(call.request.get("messages")).split()) > _WORDS
        count += is_long and len(under_way) > 1
        if not is_long or len(under_way) < 2 or count % _EVERY:
            await call.forward()
            return
        messages = [{"role": "user", "content": "What is two plus three?"}]
        await call.forward(json.dumps({**call.request, "messages": messages}).encode())

    return intercept_busy(app, handle)


DEFECT = Defect(
    title=f"of prompts of over {_WORDS} words with others in flight, one of {_EVERY} gets another answer",
    caught_by="ai-suite/load/test_errors.py::test_repeated",
    protocols=(CHAT,),
    promises={"deterministic": True},
    wrap=_wrap,
    load=LoadTrial(settings={"rate": 40, "duration": 8, "warm_up": 1}, words="it differs from the answer without load"),
)
