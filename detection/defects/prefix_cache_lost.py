"""The chat template begins with the time: no prompt begins like another one, and the prefix cache never has it."""

from __future__ import annotations

import json
import time

from detection.intercept import Inference, intercept
from detection.switch import CHAT, Defect


async def _handle(call: Inference) -> None:
    messages = call.request.get("messages")
    if not isinstance(messages, list) or not messages:
        await call.forward()
        return
    template = {"role": "system", "content": f"It is {time.time_ns()}."}
    await call.forward(json.dumps({**call.request, "messages": [template, *messages]}).encode())


DEFECT = Defect(
    title="the chat template begins with the time, so that no prefix is ever cached",
    caught_by="ai-suite/integration/test_prefix_cache.py::test_kept",
    protocols=(CHAT,),
    promises={"prefix_cache": True},
    wrap=lambda app: intercept(app, _handle),
)
