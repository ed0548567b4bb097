"""One parser of calls for all streams, which each one resets: of streams side by side the last begun has its call."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from starlette.types import ASGIApp

from detection.change_answer import format_event, parse_event
from detection.change_request import list_messages, replace_events
from detection.switch import CHAT, Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    owner: object = None
    """The stream that began last."""

    def begin() -> Callable[[bytes], Iterable[bytes]]:
        nonlocal owner
        owner = me = object()

        def replace(event: bytes) -> Iterable[bytes]:
            chunk = parse_event(event)
            if chunk is None or owner is me:
                return [event]
            for delta in list_messages(chunk):
                delta.pop("tool_calls", None)
            return [format_event(chunk)]

        return replace

    return replace_events(app, begin)


DEFECT = Defect(
    title="a stream loses its call of a tool when another stream begins",
    caught_by="ai-suite/integration/test_own_calls.py::test_own_calls",
    protocols=(CHAT,),
    promises={"tools": True},
    wrap=_wrap,
)
