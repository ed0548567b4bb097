"""A lone surrogate in the prompt cannot be encoded, and takes the worker with it."""

from __future__ import annotations

import json

from detection.intercept import Inference, intercept
from detection.switch import CHAT, Defect


def _encodable(call: Inference) -> bool:
    try:
        json.dumps(call.request, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


async def _handle(call: Inference) -> None:
    await (call.forward() if _encodable(call) else call.drop())


DEFECT = Defect(
    title="a lone surrogate in a request drops the connection",
    caught_by="ai-suite/integration/test_unicode.py",
    protocols=(CHAT,),
    wrap=lambda app: intercept(app, _handle),
)
