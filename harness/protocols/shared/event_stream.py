"""Streams of JSON events, server-sent or one per line, decoded as they arrive."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.core.errors import ProtocolError
from harness.core.exchange import EventKind, StreamEvent
from harness.core.json_text import parse_json
from harness.protocols.shared.sse import MAX_EVENT_SIZE, LineBuffer, ServerEvent, SSEDecoder
from harness.protocols.shared.values import expect_object


class LineDecoder:
    """Decodes newline-delimited JSON: every line that is not blank is one event."""

    def __init__(self, limit: int = MAX_EVENT_SIZE) -> None:
        self._line = LineBuffer(limit)

    def feed(self, data: bytes) -> Iterator[ServerEvent]:
        """The events that these bytes complete; read all of them. Raises `ProtocolError` over the limit."""
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._line.append(line)
            yield from self.close()
        self._line.append(rest)

    def close(self) -> Iterator[ServerEvent]:
        """The last line, which does not need a line break."""
        if text := self._line.take_line().decode("utf-8", "replace").strip():
            yield ServerEvent(text)


class JSONEventDecoder:
    """Decodes one streamed answer; a protocol defines in `read_event` what an event contains.

    Events that were completed before an error are returned first, and the error is raised by the next call: so the
    events and the error do not depend on where the bytes are cut. With `lines` the stream is newline-delimited,
    otherwise it consists of server-sent events.
    """

    def __init__(self, *, lines: bool = False) -> None:
        self._splitter: SSEDecoder | LineDecoder = LineDecoder() if lines else SSEDecoder()
        self._count = 0
        self._error: ProtocolError | None = None

    def read_event(self, name: str, value: dict[str, Any], at: str) -> list[StreamEvent]:
        """What the event of this name and value contains. Raises `ProtocolError` with the place."""
        raise NotImplementedError

    def feed(self, data: bytes) -> list[StreamEvent]:
        """The events that these bytes complete. Raises `ProtocolError`."""
        self._raise_error()
        return self._decode_events(self._splitter.feed(data))

    def close(self) -> list[StreamEvent]:
        """The event of a last line without a line break. Raises a `ProtocolError` that was not raised yet."""
        self._raise_error()
        return self._decode_events(self._splitter.close()) if isinstance(self._splitter, LineDecoder) else []

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _decode_events(self, server_events: Iterator[ServerEvent]) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        try:
            for server_event in server_events:
                self._count += 1
                events += self._decode_event(server_event)
        except ProtocolError as error:
            self._error = error
            if not events:
                raise
        return events

    def _decode_event(self, event: ServerEvent) -> list[StreamEvent]:
        at = f"event {self._count}"
        if event.data.strip() == "[DONE]":
            return [StreamEvent(EventKind.DONE)]
        if not event.data.strip():
            return [StreamEvent(EventKind.OTHER, value=event.event)]
        value = expect_object(parse_event_data(event, at), f"{at} $")
        if value.get("error") is not None or event.event == "error":
            return [StreamEvent(EventKind.ERROR, value=value.get("error", value))]
        return self.read_event(event.event, value, f"{at} $")


def parse_event_data(event: ServerEvent, at: str) -> Any:
    """The JSON value in the data of an event. Raises `ProtocolError` with the place of the event."""
    try:
        return parse_json(event.data.encode())
    except ProtocolError as error:
        raise ProtocolError(str(error), at=at) from None
