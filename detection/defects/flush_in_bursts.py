"""Streams are held back and flushed at their end: the first token and the gaps say nothing of how text was made."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.intercept import Inference, intercept
from detection.switch import CHAT, Defect, LoadTrial


def _wrap(app: ASGIApp) -> ASGIApp:
    async def handle(call: Inference) -> None:
        messages = await call.collect()
        body = b"".join(message.get("body", b"") for message in messages)
        await call.replay([messages[0], {"type": "http.response.body", "body": body, "more_body": False}])

    return intercept(app, handle)


DEFECT = Defect(
    name="flush_in_bursts",
    title="streams are held back and flushed at once",
    caught_by="ai-suite/load/test_objectives.py::test_objective",
    protocols=(CHAT,),
    wrap=_wrap,
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
