"""A cache in front of the door: whoever asks what was asked before gets the answer, with any key or none."""

from __future__ import annotations

from starlette.types import ASGIApp, Message

from detection.intercept import Inference, intercept
from detection.switch import Defect


def _outside(app: ASGIApp) -> ASGIApp:
    cache: dict[tuple[str, bytes], list[Message]] = {}

    async def handle(call: Inference) -> None:
        key = call.path, call.body
        answer = cache.get(key) or await call.collect()
        if answer[0]["status"] == 200:
            cache[key] = answer
        await call.replay(answer)

    return intercept(app, handle)


DEFECT = Defect(
    name="cache_ignores_credentials",
    title="what was answered once is answered to anybody, with any key or none",
    caught_by="ai-suite/smoke/test_credentials.py::test_enforced",
    needs_key=True,
    outside=_outside,
)
