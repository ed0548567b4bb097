"""Readers of the answer to one struck request: each delivers it to the fault in another unit, and keeps framing right.

Tested in tests/faults/test_http_faults.py.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any

from harness.core.fault_stage import Close
from harness.core.http1 import CHUNKED, CLOSE, Framing, MessageHead, MessagePart, MessageScanner
from harness.core.stream_events import EventSplitter
from harness.faults._answer_change import MOST_KEPT_BACK, AnswerChange, Item

_LENGTH_HEADERS = ("content-length", "transfer-encoding", "content-encoding")
_LAST_CHUNK = b"0\r\n\r\n"


class StruckAnswer:
    """Passes the parts of an answer as they come."""

    buffered = 0
    """Bytes that are kept back."""
    takes_chunks = False
    """Whether `take_chunk` may be called with the data of a chunk that comes whole."""

    def __init__(self, change: AnswerChange[Any]) -> None:
        self.change = change

    def take(self, part: MessagePart, raw: bytes) -> Iterable[Item]:
        """What leaves for a part of the answer."""
        items = self.change.pass_wire(part, raw)
        self.buffered = self.change.kept
        return items

    def take_chunk(self, data: bytes) -> Iterable[Item]:
        """What leaves for a chunk of the answer."""
        return ()

    def end(self) -> Iterable[Item]:
        """What leaves when the answer is complete."""
        return self.change.finish()

    def release(self, scanner: MessageScanner) -> bytes | None:
        """What is kept back, after which the rest passes as it comes; None where the rest would be garbage."""
        return self.change.release()


class ReplacedAnswer(StruckAnswer):
    """Sends another answer with the first part; the true one is swallowed.

    A stream may go on for long: the connection ends then, so that its next request need not wait for that.
    """

    def __init__(self, change: AnswerChange[Any], answer: bytes, *, closes: bool) -> None:
        super().__init__(change)
        self._answer, self._closes = answer, closes

    def take(self, part: MessagePart, raw: bytes) -> Iterable[Item]:
        """The other answer."""
        answer, self._answer = self._answer, b""
        if not answer:
            return ()
        if not self._closes:
            return (answer,)
        end = answer.index(b"\r\n\r\n") + 4
        head = MessageHead(answer[:end]).replace_headers(("connection",), b"connection: close\r\n")
        return (head + answer[end:], Close.FIN)

    def end(self) -> Iterable[Item]:
        """Nothing."""
        return ()

    def release(self, scanner: MessageScanner) -> bytes | None:
        """The rest of the true answer must not follow the other one."""
        return None


class WholeAnswer(StruckAnswer):
    """Keeps the answer back until it is complete, and then sends it with another body."""

    def __init__(self, change: AnswerChange[Any]) -> None:
        super().__init__(change)
        self._raw = bytearray()
        self._body = bytearray()
        self._is_too_long = False

    def take(self, part: MessagePart, raw: bytes) -> Iterable[Item]:
        """Nothing, until it is too long."""
        if self._is_too_long:
            return (raw,)
        if part is MessagePart.DATA:
            self._body += raw
        self._raw += raw
        self.buffered = len(self._raw)
        if self.buffered <= MOST_KEPT_BACK:
            return ()
        self._is_too_long, self.buffered = True, 0
        return (bytes(self._raw),)

    def end(self) -> Iterable[Item]:
        """The answer, with its body rewritten if the fault changes anything."""
        if self._is_too_long:
            return ()
        head = self.change.struck.head
        body = _decode_body(head, bytes(self._body))
        if body is None or (rewritten := self.change.rewrite_body(body)) is None:
            return (bytes(self._raw),)
        length = b"content-length: %d\r\n" % len(rewritten)
        return (head.replace_headers(_LENGTH_HEADERS, length) + rewritten,)

    def release(self, scanner: MessageScanner) -> bytes | None:
        """The answer as far as it has come."""
        return b"" if self._is_too_long else bytes(self._raw)


class EventAnswer(StruckAnswer):
    """Delivers a stream event by event; each becomes a chunk of its own.

    A body whose length would change goes out in chunks, or ends with the connection for a client of HTTP/1.0.
    """

    def __init__(self, change: AnswerChange[Any], framing: Framing) -> None:
        super().__init__(change)
        self._framing = self._sent_framing = framing
        self.takes_chunks = framing == CHUNKED
        self._splitter = EventSplitter("ndjson" in change.media_type or "jsonl" in change.media_type)
        self._tail = b""
        self._decoder: Any = None

    def take(self, part: MessagePart, raw: bytes) -> Iterable[Item]:
        """What leaves for the events that are complete."""
        match part:
            case MessagePart.HEAD:
                return (self._begin(self.change.struck.head),)
            case MessagePart.DATA:
                return self._take_data(raw)
            case MessagePart.CHUNK_END:
                return self._take_data(b"")
            case MessagePart.LAST_CHUNK:
                return (*self._finish(), raw)
            case MessagePart.TRAILERS:
                return (raw,)
        return ()

    def end(self) -> Iterable[Item]:
        """The end of a body that came without chunks."""
        if self._framing == CHUNKED:
            return ()
        items = self._finish()
        if self._sent_framing == CHUNKED:
            return (*items, _LAST_CHUNK)
        if self._sent_framing == CLOSE != self._framing:
            return (*items, Close.FIN)
        return items

    def release(self, scanner: MessageScanner) -> bytes | None:
        """What is kept back, framed so that the rest of the body can follow as it comes."""
        if self._decoder is not None or self._sent_framing != self._framing:
            return None
        rest = self.change.release() + self._splitter.pending
        if self._framing != CHUNKED:
            return rest
        rest += self._tail
        if scanner.left:  # the rest of this chunk follows, and its line end
            return b"%x\r\n" % (len(rest) + scanner.left) + rest
        if scanner.is_in_chunk_end:
            return b"%x\r\n" % len(rest) + rest
        return _make_chunk(rest) if rest else b""

    def _begin(self, head: MessageHead) -> bytes:
        encoding = head.read_header("content-encoding").lower()
        if encoding not in ("", "identity"):
            self._decoder = zlib.decompressobj(47)
        if self._framing == CHUNKED and self._decoder is None:
            return head.raw
        if self._decoder is None and (self.change.keeps_length or self._framing == CLOSE):
            return head.raw
        if self._framing == CLOSE:
            return head.replace_headers(_LENGTH_HEADERS, b"")
        if self.change.struck.request.speaks_chunked:
            self._sent_framing = CHUNKED
            return head.replace_headers(_LENGTH_HEADERS, b"transfer-encoding: chunked\r\n")
        self._sent_framing = CLOSE
        return head.replace_headers((*_LENGTH_HEADERS, "connection"), b"connection: close\r\n")

    def take_chunk(self, data: bytes) -> Iterable[Item]:
        """As for its parts: nothing waits for its line end."""
        return self._read(data)

    def _take_data(self, raw: bytes) -> Iterable[Item]:
        """The last piece of a chunk waits for the chunk's line end, so that `release` always can frame what is kept."""
        if self._framing != CHUNKED:
            return self._read(raw)
        tail, self._tail = self._tail, raw
        return self._read(tail)

    def _read(self, data: bytes) -> list[Item]:
        if self._decoder is not None:
            try:
                data = self._decoder.decompress(data)
            except zlib.error:
                return [Close.RST]
        items: list[Item] = []
        for event in self._splitter.split(data):
            items += self._frame(self.change.rewrite_block(event))
        self.buffered = len(self._splitter.pending) + len(self._tail) + self.change.kept
        if self.buffered > MOST_KEPT_BACK:
            for event in self._splitter.finish():
                items += self._frame((event.raw,))
        return items

    def _finish(self) -> list[Item]:
        items: list[Item] = []
        for event in self._splitter.finish():
            items += self._frame(self.change.rewrite_block(event))
        items += self._frame(self.change.finish())
        self.buffered = 0
        return items

    def _frame(self, items: Iterable[Item]) -> Iterable[Item]:
        if self._sent_framing != CHUNKED:
            return items
        framed: list[Item] = []
        for item in items:
            if isinstance(item, bytes):
                if item:
                    framed.append(_make_chunk(item))
            else:
                framed += (_LAST_CHUNK, item) if item is Close.FIN else (item,)
        return framed


def _make_chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _decode_body(head: MessageHead, body: bytes) -> bytes | None:
    if head.read_header("content-encoding").lower() in ("", "identity"):
        return body
    try:
        return zlib.decompressobj(47).decompress(body, MOST_KEPT_BACK)
    except zlib.error:
        return None
