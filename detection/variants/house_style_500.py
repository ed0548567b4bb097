"""Bad input is answered 500 in plain text, as most Python model servers do: poor style, and no harm done."""

from __future__ import annotations

from starlette.responses import PlainTextResponse

from detection.intercept import Inference, intercept
from detection.switch import Variant

_MISTAKES = (400, 413, 415, 422)


async def _handle(call: Inference) -> None:
    answer = await call.collect() if not call.streams else None
    if answer is not None and answer[0]["status"] in _MISTAKES:
        await call.answer(PlainTextResponse("Internal Server Error", 500))
    elif answer is not None:
        await call.replay(answer)
    else:
        await call.forward()


VARIANT = Variant(title="bad input is answered 500 in plain text", wrap=lambda app: intercept(app, _handle))
