"""Of prompts over 200 words with another in flight, one answer in four ends otherwise (as llama.cpp's batches do)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import count

from starlette.types import ASGIApp

from detection.change_answer import change_answers
from detection.change_request import Object, list_messages
from detection.intercept import Inference, intercept_busy
from detection.switch import CHAT, Defect

_WORDS, _EVERY, _OVERLAP_S = 200, 4, 0.02


def _wrap(app: ASGIApp) -> ASGIApp:
    turn = count()

    def spoil(answer: Object) -> None:
        for holder in list_messages(answer):
            holder["content"] = (holder.get("content") or "") + " perhaps"

    spoiling = change_answers(app, spoil)

    async def handle(call: Inference, under_way: Sequence[Inference]) -> None:
        await asyncio.sleep(_OVERLAP_S)
        is_long = len(call.body.split()) > _WORDS
        if is_long and len(under_way) > 1 and not call.streams and next(turn) % _EVERY == 0:
            call.app = spoiling
        await call.forward()

    return intercept_busy(app, handle)


DEFECT = Defect(
    title="long prompts beside others get another answer now and then",
    caught_by="ai-suite/integration/test_mixed.py::test_own_answers",
    protocols=(CHAT,),
    promises={"deterministic": True},
    wrap=_wrap,
)
