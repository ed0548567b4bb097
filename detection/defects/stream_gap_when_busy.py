"""A queue of pieces that is too short: with three streams under way each loses its sixth event."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import count

from starlette.types import ASGIApp

from detection.change_answer import parse_event
from detection.change_request import replace_events
from detection.intercept import Inference, intercept_busy
from detection.switch import CHAT, Defect

_BUSY, _LOST = 3, 6


def _wrap(app: ASGIApp) -> ASGIApp:
    streams: list[Inference] = []

    def begin() -> Callable[[bytes], Iterable[bytes]]:
        events = count(1)

        def lose(event: bytes) -> Iterable[bytes]:
            is_lost = next(events) == _LOST and len(streams) >= _BUSY and parse_event(event) is not None
            return [] if is_lost else [event]

        return lose

    losing = replace_events(app, begin)

    async def handle(call: Inference, under_way: Sequence[Inference]) -> None:
        streams[:] = [other for other in under_way if other.streams]
        call.app = losing
        await call.forward()

    return intercept_busy(app, handle)


DEFECT = Defect(
    name="stream_gap_when_busy",
    title="with three streams under way each loses a piece of its text",
    caught_by="ai-suite/integration/test_mixed.py::test_own_answers",
    protocols=(CHAT,),
    wrap=_wrap,
)
