"""An idempotency key is looked up before the work and stored after it: repeats side by side are all carried out."""

from __future__ import annotations

import asyncio

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message

from detection.intercept import Inference, intercept
from detection.switch import CHAT, Defect

_WORK_S = 0.1


def _outside(app: ASGIApp) -> ASGIApp:
    cache: dict[str, list[Message]] = {}

    async def handle(call: Inference) -> None:
        key = call.headers.get("idempotency-key")
        if key is None:
            await call.forward()
            return
        if key in cache:
            await call.replay(cache[key])
            return
        del MutableHeaders(scope=call.scope)["idempotency-key"]
        await asyncio.sleep(_WORK_S)
        cache[key] = answer = await call.collect()
        await call.replay(answer)

    return intercept(app, handle)


DEFECT = Defect(
    title="repeats with one idempotency key side by side are each carried out",
    caught_by="ai-suite/integration/test_idempotency.py::test_carried_out_once",
    protocols=(CHAT,),
    promises={"idempotency": "Idempotency-Key"},
    outside=_outside,
)
