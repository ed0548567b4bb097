"""truncate_stream: a stream of server-sent events that breaks off after some of them."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from harness.core.fault import FaultKind, FaultParameters, Parameter
from harness.core.fault_stage import Close, Stage, StageContext, StreamChunk
from harness.core.http1 import MessageHead, MessagePart, MessageScanner

_REQUEST = re.compile(rb"[A-Z]+ \S+ HTTP/1\.[01]\r\n")
_LINE_END = re.compile(rb"\r\n|\n|\r")
_MOST_BUFFERED = 1 << 20


@dataclass(frozen=True, slots=True)
class _Parameters(FaultParameters):
    events: Annotated[int, Parameter("events that pass", high=1_000_000)] = 0
    mode: Annotated[
        Literal["fin", "rst"], Parameter("`fin`: a clean end, which ends a chunked body properly; `rst`: a reset")
    ] = "fin"
    path: Annotated[str, Parameter("only responses to paths that start with this")] = ""


class _EventCounter:
    """Counts server-sent events: blocks of lines that hold data, each ended by an empty line (WHATWG HTML 9.2.6)."""

    def __init__(self, left: int) -> None:
        self._left = left
        self._line = b""
        self._has_data = self._ended_with_return = False

    def find_cut(self, data: bytes) -> int | None:
        """Where the last event to pass ends in `data`, once anything follows it."""
        place = int(self._ended_with_return and data[:1] == b"\n")
        self._ended_with_return = data.endswith(b"\r")
        while self._left:
            if not (end := _LINE_END.search(data, place)):
                self._line = (self._line + data[place:])[:_MOST_BUFFERED]
                return None
            line, self._line, place = self._line + data[place : end.start()], b"", end.end()
            self._has_data |= line.startswith(b"data")
            if not line:
                self._left -= self._has_data
                self._has_data = False
        return place if place < len(data) else None


class _TruncateStream(Stage[_Parameters]):
    """Lets the head and `events` events of a text/event-stream pass; when more would follow, closes the connection.

    The toxicity is drawn for each such response whose path starts with `path`. All other bytes stay as they are. On a
    connection that was open before, it begins with the next request.
    """

    def __init__(self, context: StageContext[_Parameters], now: float) -> None:
        super().__init__(context, now)
        self._open_requests: deque[tuple[str, str]] = deque()
        self._restart(context.is_fresh)
        self._is_over = False

    def _restart(self, knows_requests: bool) -> None:
        self._knows_requests = knows_requests
        self._open_requests.clear()
        self._requests, self._responses = MessageScanner(self._read_request), MessageScanner(self._read_response)
        self._events: _EventCounter | None = None
        self._is_chunked = False
        self._chunk = self._payload = b""

    def observe(self, data: bytes) -> None:
        """Follow the requests, to know which response belongs to which."""
        if not self._knows_requests and _REQUEST.match(data):
            self._restart(True)
        if self._knows_requests:
            deque(self._requests.scan(data), maxlen=0)

    def push(self, data: bytes | Close, arrived: float, now: float) -> Sequence[StreamChunk]:
        """Follow the responses; a chunk of a chosen response waits until it is complete."""
        if self._is_over:
            return []
        if isinstance(data, Close):
            return [*self.release(), (data, arrived)]
        if not self._knows_requests:
            return [(data, arrived)]
        passing = b""
        for part, raw in self._responses.scan(data):
            passing += self._pass_part(part, raw)
            if self._is_over:
                break
        self.buffered = len(self._chunk)
        chunks: list[StreamChunk] = [(passing, arrived)] if passing else []
        if self._is_over:
            chunks.append((Close(self.parameters.mode), arrived))
        return chunks

    def release(self) -> Sequence[StreamChunk]:
        """The bytes of a head or a chunk that is not complete, as they came."""
        rest = self._chunk + self._responses.release()
        self._restart(False)
        return [(rest, 0.0)] if rest else []

    def _pass_part(self, part: MessagePart, raw: bytes) -> bytes:
        """The bytes that may pass, now that this part has arrived."""
        if part is MessagePart.HEAD or self._events is None:
            return raw
        if part is MessagePart.DATA and (cut := self._events.find_cut(raw)) is not None:
            self._is_over = True
            self.context.record_effect(len(raw) - cut)
            return self._end_body(raw[:cut])
        if not self._is_chunked:
            return raw
        self._chunk += raw
        if part is MessagePart.DATA:
            self._payload += raw
        is_complete = part in (MessagePart.CHUNK_END, MessagePart.END)
        if not is_complete and len(self._chunk) <= _MOST_BUFFERED:
            return b""
        if part is not MessagePart.CHUNK_END:
            self._events = None  # the response is complete, or its chunks are too large to be kept
        raw, self._chunk, self._payload = self._chunk, b"", b""
        return raw

    def _end_body(self, last: bytes) -> bytes:
        if not self._is_chunked:
            return last
        ending = b""
        if payload := self._payload + last:
            ending = b"%x\r\n%b\r\n" % (len(payload), payload)
        if self.parameters.mode == "fin":
            ending += b"0\r\n\r\n"
        return ending

    def _read_request(self, head: MessageHead) -> int | str:
        if not head.start[2].startswith("HTTP/1."):
            raise ValueError("not a request line")
        self._open_requests.append((head.start[0], head.start[1]))
        framing = head.find_framing()
        return 0 if framing == "close" else framing

    def _read_response(self, head: MessageHead) -> int | str:
        self._events = None
        if not head.start[0].startswith("HTTP/1."):
            raise ValueError("not a status line")
        status = int(head.start[1])
        if 100 <= status < 200:
            return "raw" if status == 101 else 0
        method, path = "GET", ""
        if self._open_requests:
            method, path = self._open_requests.popleft()
        if method == "CONNECT" and 200 <= status < 300:
            return "raw"
        if method == "HEAD" or status in (204, 304):
            return 0
        framing = head.find_framing()
        is_plain = head.headers.get("content-encoding", "identity").lower() == "identity"
        is_stream = head.headers.get("content-type", "").lower().startswith("text/event-stream")
        if is_plain and is_stream and path.startswith(self.parameters.path) and self.context.draw_request():
            self._events = _EventCounter(self.parameters.events)
            self._is_chunked = framing == "chunked"
        return framing


FAULT = FaultKind(
    name="truncate_stream",
    title="a stream of server-sent events ends after some of them",
    example=_Parameters(events=3),
    stage=_TruncateStream,
    streams=("downstream",),
    by_request=True,
    needs_streaming=True,
    needs_own_proxy=True,
)
