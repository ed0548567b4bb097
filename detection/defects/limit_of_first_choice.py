"""Of several choices the limit of tokens ends the first one, and the others go on."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message

from detection.intercept import Inference, intercept
from detection.switch import CHAT, Defect

_TIMES = 6


def _wrap(app: ASGIApp) -> ASGIApp:
    async def handle(call: Inference) -> None:
        limit = call.request.get("max_tokens")
        if call.streams or call.request.get("n") in (None, 1) or not isinstance(limit, int):
            await call.forward()
            return
        own = await call.collect()
        longer = await call.collect(json.dumps({**call.request, "max_tokens": _TIMES * limit}).encode())
        if own[0]["status"] != 200 or longer[0]["status"] != 200:
            await call.replay(own)
            return
        answer, more = _read(own), _read(longer)
        for choice, other in list(zip(answer["choices"], more["choices"], strict=True))[1:]:
            choice["message"] = other["message"]
        await call.answer(JSONResponse(answer))

    return intercept(app, handle)


def _read(messages: list[Message]) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(b"".join(message.get("body", b"") for message in messages))
    return value


DEFECT = Defect(
    name="limit_of_first_choice",
    title="of several choices max_tokens ends the first one alone",
    caught_by="ai-suite/integration/test_parameters.py::test_choices",
    protocols=(CHAT,),
    promises={"choices": True},
    wrap=_wrap,
)
