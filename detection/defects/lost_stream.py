"""A busy service loses streams: every eighth one ends after three events, with nothing to show that it is cut."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.types import ASGIApp, Message

from detection.intercept import Inference, intercept_busy
from detection.switch import CHAT, Defect, LoadTrial

_FEWEST, _EVERY, _EVENTS = 3, 8, 3


def _wrap(app: ASGIApp) -> ASGIApp:
    count = 0

    async def handle(call: Inference, under_way: Sequence[Inference]) -> None:
        nonlocal count
        count += len(under_way) >= _FEWEST and call.streams
        if len(under_way) < _FEWEST or not call.streams or count % _EVERY:
            await call.forward()
            return
        messages: list[Message] = await call.collect()
        events = b"".join(message.get("body", b"") for message in messages).split(b"\n\n")
        body = b"\n\n".join(events[:_EVENTS]) + b"\n\n"
        await call.replay([messages[0], {"type": "http.response.body", "body": body, "more_body": False}])

    return intercept_busy(app, handle)


DEFECT = Defect(
    title=f"with {_FEWEST} or more in flight, one stream of {_EVERY} ends after {_EVENTS} events",
    caught_by="ai-suite/load/test_errors.py::test_intact",
    protocols=(CHAT,),
    wrap=_wrap,
    load=LoadTrial(
        settings={
            "rate": 30,
            "duration": 7,
            "warm_up": 1,
            "workload": "template",
            "template": "{{nonce}} Count.",
            "output_tokens": {"mean": 80},
        },
        objectives=(("ttft p75", "<= 20s"),),
        words="answers declared a success were invalid or incomplete",
    ),
)
