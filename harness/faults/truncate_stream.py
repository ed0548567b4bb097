"""truncate_stream: a stream of server-sent events that breaks off after some of them."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence

from harness.faults._http1 import Head, Part, Scanner
from harness.faults._kind import Attribute, Close, Duty, FaultKind, Piece, Stage

_REQUEST = re.compile(rb"[A-Z]+ \S+ HTTP/1\.[01]\r\n")
_LINE = re.compile(rb"\r\n|\n|\r")
_MOST_HELD = 1 << 20


class _Events:
    """Counts server-sent events: blocks of lines that hold data, each ended by an empty line (WHATWG HTML 9.2.6)."""

    def __init__(self, left: int) -> None:
        self._left = left
        self._line = b""
        self._data = self._return = False

    def cut(self, data: bytes) -> int | None:
        """Where the last event to pass ends in `data`, once anything follows it."""
        place = int(self._return and data[:1] == b"\n")
        self._return = data.endswith(b"\r")
        while self._left:
            if not (end := _LINE.search(data, place)):
                self._line = (self._line + data[place:])[:_MOST_HELD]
                return None
            line, self._line, place = self._line + data[place : end.start()], b"", end.end()
            self._data |= line.startswith(b"data")
            if not line:
                self._left -= self._data
                self._data = False
        return place if place < len(data) else None


class TruncateStream(Stage):
    """Lets the head and `events` events of a text/event-stream pass; when more would follow, closes the connection.

    The toxicity is drawn for each such response whose path starts with `path`. All other bytes stay as they are. On a
    connection that was open before, it begins with the next request.
    """

    def __init__(self, duty: Duty, now: float) -> None:
        super().__init__(duty, now)
        self._asked: deque[tuple[str, str]] = deque()
        self._begin(duty.fresh)
        self._over = False

    def _begin(self, synced: bool) -> None:
        self._synced = synced
        self._asked.clear()
        self._questions, self._answers = Scanner(self._request), Scanner(self._response)
        self._events: _Events | None = None
        self._chunked = False
        self._held = self._payload = b""

    def observe(self, data: bytes) -> None:
        """Follow the requests, to know which response is which."""
        if not self._synced and _REQUEST.match(data):
            self._begin(True)
        if self._synced:
            deque(self._questions.feed(data), maxlen=0)

    def push(self, data: bytes | Close, at: float, now: float) -> Sequence[Piece]:
        """Follow the responses; a chunk of a chosen one waits until it is whole."""
        if self._over:
            return []
        if isinstance(data, Close):
            return [*self.release(), (data, at)]
        if not self._synced:
            return [(data, at)]
        out = b""
        for part, raw in self._answers.feed(data):
            out += self._passed(part, raw)
            if self._over:
                close = Close.RST if self.duty.attributes["mode"] == "rst" else Close.FIN
                return [(out, at), (close, at)] if out else [(close, at)]
        self.held = len(self._held)
        return [(out, at)] if out else []

    def release(self) -> Sequence[Piece]:
        """What is held of a head or a chunk, as it came."""
        rest = self._held + self._answers.rest()
        self._begin(False)
        return [(rest, 0.0)] if rest else []

    def _passed(self, part: Part, raw: bytes) -> bytes:
        if part is Part.HEAD or self._events is None:
            return raw
        cut = self._events.cut(raw) if part is Part.DATA else None
        if cut is not None:
            self._over = True
            self.duty.struck(len(raw) - cut)
            return self._ending(raw[:cut])
        if not self._chunked:
            return raw
        self._held += raw
        self._payload += raw if part is Part.DATA else b""
        if part in (Part.AFTER, Part.END) or len(self._held) > _MOST_HELD:
            if part is not Part.AFTER:
                self._events = None  # the response is complete, or its chunks are too large to be held
            raw, self._held, self._payload = self._held, b"", b""
            return raw
        return b""

    def _ending(self, last: bytes) -> bytes:
        if not self._chunked:
            return last
        payload = self._payload + last
        chunk = b"%x\r\n%b\r\n" % (len(payload), payload) if payload else b""
        return chunk + (b"0\r\n\r\n" if self.duty.attributes["mode"] == "fin" else b"")

    def _request(self, head: Head) -> int | str:
        if not head.start[2].startswith("HTTP/1."):
            raise ValueError("no request line")
        self._asked.append((head.start[0], head.start[1]))
        return 0 if (body := head.body()) == "close" else body

    def _response(self, head: Head) -> int | str:
        self._events = None
        if not head.start[0].startswith("HTTP/1."):
            raise ValueError("no status line")
        status = int(head.start[1])
        if 100 <= status < 200:
            return "raw" if status == 101 else 0
        method, path = self._asked.popleft() if self._asked else ("GET", "")
        if method == "CONNECT" and 200 <= status < 300:
            return "raw"
        if method == "HEAD" or status in (204, 304):
            return 0
        body = head.body()
        plain = head.headers.get("content-encoding", "identity").lower() == "identity"
        stream = head.headers.get("content-type", "").lower().startswith("text/event-stream")
        if plain and stream and path.startswith(self.duty.attributes["path"]) and self.duty.chosen():
            self._events = _Events(self.duty.attributes["events"])
            self._chunked = body == "chunked"
        return body


FAULT = FaultKind(
    name="truncate_stream",
    title="a stream of server-sent events ends after some of them",
    stage=TruncateStream,
    attributes=(
        Attribute("events", "events that pass", high=1_000_000),
        Attribute(
            "mode", "fin: a clean end that HTTP does not show where it can; rst: a reset", "fin", choices=("fin", "rst")
        ),
        Attribute("path", "only responses to paths that start so", ""),
    ),
    layer="http",
    streams=("downstream",),
)
