"""Streams are held back and flushed at their end: the first token and the gaps say nothing of how text was made."""

from __future__ import annotations

from detection.intercept import Inference, intercept
from detection.switch import CHAT, Defect, LoadTrial


async def _handle(call: Inference) -> None:
    messages = await call.collect()
    body = b"".join(message.get("body", b"") for message in messages)
    await call.replay([messages[0], {"type": "http.response.body", "body": body, "more_body": False}])


DEFECT = Defect(
    title="streams are held back and flushed at once",
    caught_by="ai-suite/load/test_objectives.py::test_objective",
    protocols=(CHAT,),
    wrap=lambda app: intercept(app, _handle),
    load=LoadTrial(
        settings={
            "rate": 10,
            "duration": 8,
            "warm_up": 1,
            "workload": "template",
            "template": "{{nonce}} Count.",
            "output_tokens": {"mean": 80},
        },
        objectives=(("ttft p75", "<= 4s"), ("inter_token p75", "<= 2s")),
        status="INCONCLUSIVE",
        words="the stream was held back and flushed",
    ),
)
