"""After an idle second the first answer is what still lies in a buffer: the last one before the pause."""

from __future__ import annotations

from starlette.types import ASGIApp, Message

from detection.intercept import Inference, intercept
from detection.over_time import IDLE_S, IdleClock
from detection.switch import CHAT, PLAIN, V2, Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    idle = IdleClock()
    last: dict[tuple[str, bool], list[Message]] = {}

    async def handle(call: Inference) -> None:
        is_first, kind = idle.note_request() > IDLE_S, (call.path, call.streams)
        if not is_first or kind not in last:
            last[kind] = await call.collect()
        await call.replay(last[kind])

    return intercept(app, handle)


DEFECT = Defect(
    title="the first answer after an idle second is the last one before it",
    caught_by="ai-suite/integration/test_idle.py::test_first_after_pause",
    protocols=(PLAIN, V2, CHAT),
    promises={"idle": 1.5},
    wrap=_wrap,
)
