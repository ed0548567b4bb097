"""Streams of JSON events, server-sent or one a line, decoded as they arrive: what the text protocols share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.core.errors import ProtocolError
from harness.core.exchange import EventKind, StreamEvent
from harness.core.json_text import parse_json
from harness.protocols.shared.sse import MAX_EVENT_SIZE, LineBuffer, ServerEvent, SSEDecoder
from harness.protocols.shared.values import expect_object


class LineDecoder:
    """Newline-delimited JSON: every line that is not blank is one event."""

    def __init__(self, limit: int = MAX_EVENT_SIZE) -> None:
        self._line = LineBuffer(limit)

    def feed(self, data: bytes) -> Iterator[ServerEvent]:
        """The events that these bytes complete; to be consumed whole. Raises `ProtocolError` over the limit."""
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._line.keep(line)
            yield from self.close()
        self._line.keep(rest)

    def close(self) -> Iterator[ServerEvent]:
        """The last line, which needs no line break."""
        if text := self._line.take().decode("utf-8", "replace").strip():
            yield ServerEvent(text)


class JSONEventDecoder:
    """Decodes one streamed answer; a protocol says in `read` what an event brings.

    Events completed before an error are handed out first and the error comes with the next call, so that events and
    error are the same however the bytes were cut. `lines`: newline-delimited and not server-sent.
    """

    def __init__(self, *, lines: bool = False) -> None:
        self._splitter: SSEDecoder | LineDecoder = LineDecoder() if lines else SSEDecoder()
        self._seen = 0
        self._error: ProtocolError | None = None

    def read(self, name: str, value: dict[str, Any], at: str) -> list[StreamEvent]:
        """What the event of this name and value brings. Raises `ProtocolError` with the place."""
        raise NotImplementedError

    def feed(self, data: bytes) -> list[StreamEvent]:
        """The events completed by these bytes. Raises `ProtocolError`."""
        self._tell()
        return self._take(self._splitter.feed(data))

    def close(self) -> list[StreamEvent]:
        """What the end completes: a last line; an event without its blank line is dropped. Raises what is left."""
        self._tell()
        return self._take(self._splitter.close()) if isinstance(self._splitter, LineDecoder) else []

    def _tell(self) -> None:
        if self._error is not None:
            raise self._error

    def _take(self, found: Iterator[ServerEvent]) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        try:
            for each in found:
                self._seen += 1
                events += self._read(each)
        except ProtocolError as error:
            self._error = error
            if not events:
                raise
        return events

    def _read(self, event: ServerEvent) -> list[StreamEvent]:
        at = f"event {self._seen}"
        if event.data.strip() == "[DONE]":
            return [StreamEvent(EventKind.DONE)]
        if not event.data.strip():
            return [StreamEvent(EventKind.OTHER, value=event.event)]
        value = expect_object(parse_event_data(event, at), f"{at} $")
        if value.get("error") is not None or event.event == "error":
            return [StreamEvent(EventKind.ERROR, value=value.get("error", value))]
        return self.read(event.event, value, f"{at} $")


def parse_event_data(event: ServerEvent, at: str) -> Any:
    """The JSON value of an event's data. Raises `ProtocolError` with the event's place."""
    try:
        return parse_json(event.data.encode())
    except ProtocolError as error:
        raise ProtocolError(str(error), at=at) from None
