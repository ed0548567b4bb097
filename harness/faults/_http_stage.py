"""The stage of every fault on HTTP requests: it follows both directions of a connection, and strikes single requests.

Requests are HTTP/1.1 or 1.0, one after another or pipelined. What is not HTTP, and every answer to a request that is
not struck, passes byte for byte. On a connection that was open before, it begins with the next request.

Tested in tests/faults/test_http_faults.py and tests/faults/test_fault_conformance.py.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from math import inf
from typing import Any, ClassVar, TypeVar

from harness.core.fault import FaultKind
from harness.core.fault_stage import Close, Stage, StageContext, StreamChunk
from harness.core.http1 import CLOSE, RAW, Framing, MessageHead, MessagePart, MessageScanner
from harness.core.http_request import HttpParameters, HttpRequest, RequestCondition
from harness.faults._answer_body import EventAnswer, ReplacedAnswer, StruckAnswer, WholeAnswer
from harness.faults._answer_change import MOST_KEPT_BACK, AnswerChange, Await, Item, Pause, StruckRequest

_REQUEST = re.compile(rb"[A-Z]+ \S+ HTTP/1\.[01]\r\n")
_REQUEST_LINE = re.compile(rb"[^ \r]* [^ \r]* HTTP/1\.")
_LOOK_SECONDS = 0.01
_MOST_REMEMBERED = 1 << 20
"""Bytes of an answer that is remembered at most."""

_ANSWERS = "answers"
"""Where the fault's own memory is, in that which all connections have in common."""

_Parameters = TypeVar("_Parameters", bound=HttpParameters)


class HttpStage(Stage[_Parameters]):
    """Strikes answers with `change`, each request by a draw of its own."""

    change: ClassVar[type[AnswerChange[Any]]]
    keeps_bytes = False
    buffer_limit = MOST_KEPT_BACK + 65536

    def __init__(self, context: StageContext[_Parameters], now: float) -> None:
        super().__init__(context, now)
        self._condition = RequestCondition(context.parameters)
        self._answers_memory = context.memory.setdefault(_ANSWERS, {})
        self._keeps_bodies = self._condition.needs_body or self.change.needs_request_body
        self._queue: deque[Item] = deque()
        self._queued = 0
        self._now = now
        self._awaits_until: float | None = None
        self._has_end = self._is_over = self._is_raw = False
        self._restart(context.is_fresh)

    def _restart(self, knows_requests: bool) -> None:
        self._knows_requests = knows_requests
        self._open_requests: deque[HttpRequest] = deque()
        self._incoming: HttpRequest | None = None
        self._requests = MessageScanner(self._read_request)
        self._answers = MessageScanner(self._read_answer, b"HTTP/1.")
        self._reader: StruckAnswer | None = None
        self._framing: Framing = 0
        self._copy: bytearray | None = None
        self._copies: AnswerChange[Any] | None = None

    def observe(self, data: bytes) -> None:
        """Follow the requests, to know which answer belongs to which."""
        if self._is_raw or self._is_over:
            return
        if not self._knows_requests and _REQUEST.match(data):
            self._restart(True)
        if not self._knows_requests:
            return
        if not self._keeps_bodies:
            self._requests.follow(data)
            return
        for part, raw in self._requests.scan(data):
            if self._incoming is not None:
                if part is MessagePart.DATA:
                    self._incoming.add_data(raw)
                if self._requests.is_between:
                    self._incoming.complete()

    def push(self, data: bytes | Close, arrived: float, now: float) -> Sequence[StreamChunk]:
        """Follow the answers; what leaves of those that are struck, the fault decides."""
        self._now = now
        if self._has_end:
            return []
        if isinstance(data, Close):
            self._end_input(data)
        elif not self._knows_requests:
            self._emit((data,))
        elif (reader := self._reader) is not None and reader.takes_chunks and self._take_chunk(reader, data):
            pass  # the usual case of a stream: each event is a chunk, and comes alone
        else:
            for part, raw in self._answers.scan(data):
                self._take_part(part, raw)
                if self._has_end:
                    break
        return self._flush(now)

    def tick(self, now: float) -> Sequence[StreamChunk]:
        """What a pause has kept back."""
        self.due = inf
        return self._flush(now)

    def release(self) -> Sequence[StreamChunk]:
        """Everything that is kept back. An answer that the rest of the true one cannot follow is reset."""
        items = [item.poll(True) or b"" if isinstance(item, Await) else item for item in self._queue]
        items = [item for item in items if not isinstance(item, Pause)]
        self._queue.clear()
        if self._reader is not None:
            rest = self._reader.release(self._answers)
            items.append(Close.RST if rest is None else rest)
        items.append(self._answers.release())
        self._restart(False)
        self.due, self._queued, self._has_end, self._awaits_until = inf, 0, False, None
        self._emit(items)
        return self._flush(0.0)

    def _take_chunk(self, reader: StruckAnswer, data: bytes) -> bool:
        if (chunk := self._answers.take_chunk(data)) is None:
            return False
        self._keep_copy(data)
        self._emit(reader.take_chunk(chunk))
        return True

    def _take_part(self, part: MessagePart, raw: bytes) -> None:
        if part is MessagePart.RAW and not self._answers.is_between:
            self._give_up()
        self._keep_copy(raw)
        reader = self._reader
        if reader is None:
            self._queue.append(raw)
            self._queued += len(raw)
            self._answers.is_quiet = self._copy is None and not self._answers.is_between
        else:
            self._emit(reader.take(part, raw))
        if self._answers.is_between and part is not MessagePart.RAW:
            self._end_answer()

    def _keep_copy(self, raw: bytes) -> None:
        if self._copy is not None and len(self._copy) <= _MOST_REMEMBERED:
            self._copy += raw

    def _give_up(self) -> None:
        """From here on it is no HTTP: what was kept back leaves, and everything passes."""
        if self._reader is not None:
            self._emit((self._reader.release(self._answers) or b"",))
        self._is_raw, self._knows_requests = True, False
        self._reader = self._copy = self._copies = None
        self._open_requests.clear()

    def _end_answer(self) -> None:
        if self._reader is not None:
            self._emit(self._reader.end())
            self._reader = None
        if self._copies is not None and self._copy is not None:
            if len(self._copy) <= _MOST_REMEMBERED and self._framing != CLOSE:
                self._copies.remember(bytes(self._copy))
            self._copies = self._copy = None

    def _end_input(self, end: Close) -> None:
        if self._reader is not None and self._framing == CLOSE and end is Close.FIN:
            self._end_answer()
        elif self._reader is not None:
            self._emit((self._reader.release(self._answers) or b"",))
            self._reader = None
        self._emit((self._answers.release(), end))

    def _emit(self, items: Iterable[Item]) -> None:
        for item in items:
            if item != b"" and not self._has_end:
                self._queue.append(item)
                self._queued += len(item) if isinstance(item, bytes) else 0
                self._has_end = isinstance(item, Close)

    def _flush(self, now: float) -> list[StreamChunk]:
        """What may leave now, up to the next pause."""
        pieces: list[bytes] = []
        end: Close | None = None
        while self._queue and self.due == inf and end is None:
            item = self._queue.popleft()
            if isinstance(item, bytes):
                pieces.append(item)
                self._queued -= len(item)
            elif isinstance(item, Pause):
                if item.seconds > 0:
                    self.due = now + item.seconds
            elif isinstance(item, Await):
                pieces.append(self._poll(item, now))
            else:
                end, self._is_over = item, True
        data = b"".join(pieces)
        if self._is_over:
            self._queue.clear()
            self._queued, self._reader = 0, None
        self._count_buffered()
        chunks: list[StreamChunk] = []
        if data:
            chunks.append((data, now))
        if end is not None:
            chunks.append((end, now))
        return chunks

    def _count_buffered(self) -> None:
        self.buffered = self._queued + self._answers.pending
        if self._reader is not None:
            self.buffered += self._reader.buffered

    def _poll(self, item: Await, now: float) -> bytes:
        """What has come of bytes that come later; nothing sets the time of the next look."""
        if self._awaits_until is None:
            self._awaits_until = now + item.seconds
        data = item.poll(now >= self._awaits_until)
        if data is None:
            self._queue.appendleft(item)
            self.due = min(now + _LOOK_SECONDS, self._awaits_until)
            return b""
        self._awaits_until = None
        return data

    def _read_request(self, head: MessageHead) -> Framing:
        if not _REQUEST_LINE.match(head.raw):
            raise ValueError("not a request line")
        self._incoming = HttpRequest(head)
        self._open_requests.append(self._incoming)
        self.change.meet(self._incoming, self._answers_memory)
        framing = head.find_framing()
        return 0 if framing == CLOSE else framing

    def _read_answer(self, head: MessageHead) -> Framing:
        self._reader = None
        status = int(head.raw[9:12])
        if 100 <= status < 200 and status != 101:
            return 0
        request = None
        if self._open_requests:
            request = self._open_requests.popleft()
        self._framing = _find_answer_framing(head, status, request)
        if self._framing == RAW:
            self._is_raw, self._knows_requests = True, False
        elif request is not None:
            is_met = self._condition.is_met(request)
            if is_met or self.change.remembers:
                self._strike(request, head, is_met)
        return self._framing

    def _strike(self, request: HttpRequest, head: MessageHead, is_met: bool) -> None:
        """Decide by a draw whether a request that meets the conditions is struck, and by what its answer is read then.

        A fault that remembers answers sees those to all requests.
        """
        context = self.context
        struck = StruckRequest(
            *(self.parameters, request, head, context.draw_uniform, self._make_note(), self._answers_memory),
            now=self._now,
            record_wait=context.record_wait,
        )
        media = "any"
        if self.change.media != "any":
            media = struck.find_media()
            if media == "other" or self.change.media not in (media, "text"):
                return
        change = self.change(struck)
        if self.change.remembers:
            self._copies, self._copy = change, bytearray()
        if not is_met:
            return
        if not self._condition.is_met_by_answer(struck.status) or self._condition.passes_first(self.context.memory):
            return
        if self.context.draw_request():
            self._reader = self._make_reader(change, media, head)

    def _make_reader(self, change: AnswerChange[Any], media: str, head: MessageHead) -> StruckAnswer:
        if (answer := change.replace_answer()) is not None:
            change.note_effect(len(answer))
            is_stream = change.media_type.startswith("text/event-stream") and not isinstance(self._framing, int)
            return ReplacedAnswer(change, answer, closes=is_stream)
        if media == "json":
            return WholeAnswer(change)
        if media == "stream":
            return EventAnswer(change, self._framing)
        return StruckAnswer(change)

    def _make_note(self) -> Callable[[int], None]:
        """Records the first effect on one request: each request counts once."""
        sizes: list[int] = []

        def note_effect(size: int) -> None:
            if not sizes:
                self.context.record_effect(size)
            sizes.append(size)

        return note_effect


def _find_answer_framing(head: MessageHead, status: int, request: HttpRequest | None) -> Framing:
    """RFC 9112, section 6.3. Raises `ValueError`."""
    line = request.head.raw if request else b""
    if status == 101 or (line.startswith(b"CONNECT ") and 200 <= status < 300):
        return RAW
    return 0 if line.startswith(b"HEAD ") or status in (204, 304) else head.find_framing()


def define_http_fault(
    name: str,
    title: str,
    example: _Parameters,
    change: type[AnswerChange[_Parameters]],
    *,
    needs_streaming: bool = False,
) -> FaultKind[_Parameters]:
    """The kind of fault that strikes single requests on HTTP links with this change of their answers."""
    stage: type[HttpStage[_Parameters]] = type("HttpStage", (HttpStage,), {"change": change})
    return FaultKind(
        name=name,
        title=title,
        example=example,
        stage=stage,
        streams=("downstream",),
        by_request=True,
        needs_streaming=needs_streaming,
        needs_own_proxy=True,
        rewrites=change.rewrites,
    )
