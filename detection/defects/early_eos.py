"""A busy service ends its answers early: they have a third of the tokens that were asked for, and are quicker."""

from __future__ import annotations

import json
from collections.abc import Sequence

from detection.intercept import Inference, intercept_busy
from detection.switch import CHAT, Defect, LoadTrial

_FEWEST = 2


async def _handle(call: Inference, under_way: Sequence[Inference]) -> None:
    limit = call.request.get("max_tokens")
    if len(under_way) < _FEWEST or not isinstance(limit, int):
        await call.forward()
        return
    messages = await call.collect(json.dumps({**call.request, "max_tokens": max(1, limit // 3)}).encode())
    for message in messages:
        body = message.get("body", b"").replace(b'"finish_reason":"length"', b'"finish_reason":"stop"  ')
        message.update({"body": body} if body else {})
    await call.replay(messages)


DEFECT = Defect(
    title="of requests side by side, the later ones get a third of the tokens",
    caught_by="ai-suite/load/test_objectives.py::test_objective",
    protocols=(CHAT,),
    wrap=lambda app: intercept_busy(app, _handle),
    load=LoadTrial(
        settings={
            "rate": 30,
            "duration": 8,
            "warm_up": 1,
            "workload": "template",
            "template": "{{nonce}} Count.",
            "output_tokens": {"mean": 60},
        },
        objectives=(("latency p75", "<= 4s"),),
        status="INCONCLUSIVE",
        words="of the tokens that output_tokens asked for",
    ),
)
