"""A cache in front of the door: whoever asks what was asked before gets the answer, with any key or none."""

from __future__ import annotations

from starlette.types import ASGIApp, Message

from detection.intercept import Call, taking
from detection.switch import Defect


def _outside(app: ASGIApp) -> ASGIApp:
    kept: dict[tuple[str, bytes], list[Message]] = {}

    async def handle(call: Call) -> None:
        key = call.path, call.body
        found = kept.get(key) or await call.collect()
        if found[0]["status"] == 200:
            kept[key] = found
        await call.replay(found)

    return taking(app, handle)


DEFECT = Defect(
    name="cache_ignores_credentials",
    title="what was answered once is answered to anybody, with any key or none",
    caught_by="ai-suite/smoke/test_credentials.py::test_enforced",
    needs_key=True,
    outside=_outside,
)
