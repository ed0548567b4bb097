"""Reads the answers of a load off the timing path, with the adapter and the error classes of every other suite."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from harness.core.adapter import Adapter, StreamDecoder
from harness.core.errors import ErrorClass, HarnessError, TransportError
from harness.core.exchange import EventKind, Exchange, Request, Response, StreamEvent, Timing
from harness.core.load import Job
from harness.io.content import Inflater
from harness.io.http import classify_status
from harness.io.response_reader import STREAM_TYPES, Caps
from harness.run.decoding import decode_exchange

_SLICE, _MOST_KNOWN, _LONGEST_KNOWN = 64, 256, 65536
"""Pieces decoded at a time; bodies remembered as valid, and the bytes that such a body may have."""

_LONG_EVENT = 65536
"""Bytes of an event after which the decoder gets it in parts, so that the decoder's own limits apply."""

_BLANK_LINE = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_PLAIN_TEXT = re.compile(rb'[^"\\\x00-\x1f]+').fullmatch
_COMMON = (EventKind.DELTA, EventKind.ROLE, EventKind.OTHER)


@dataclass(slots=True)
class RawExchange:
    """An exchange before it is decoded: times in seconds of the run, pieces of the body as they arrived.

    `started` is when the engine took up the request, before any connecting: the send from which the service time
    counts. `ended` is when it was over, in success or error; of that time `stalled` seconds passed while the load
    generator itself stood still, and `held_up` is by how long it delayed the exchange in all: these seconds, and how
    much later it was sent than a slot was free for it. `awake` is `ended` on a clock that stands still while the load
    generator does. `head` is the response without its body, `turn` which turn of a session it is (from 0); `secrets`
    are the secret lines of its own signature.
    """

    started: float
    first_byte: float | None = None
    done: float | None = None
    head: Response | None = None
    pieces: list[tuple[float, bytes]] = field(default_factory=list)
    error: ErrorClass | None = None
    detail: str = ""
    ended: float = 0.0
    awake: float = 0.0
    stalled: float = 0.0
    held_up: float = 0.0
    turn: int | None = None
    secrets: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of the body as far as it came."""
        return sum([len(data) for _, data in self.pieces])

    @property
    def response(self) -> Response | None:
        """The response with its body, as far as it came."""
        if self.head is None:
            return None
        body = b"".join([data for _, data in self.pieces])
        return Response(self.head.status, self.head.headers, body, self.head.http_version)


class AnswerReader:
    """Decodes the exchanges of one process's load."""

    def __init__(self, adapter: Adapter, job: Job) -> None:
        self._adapter, self._endpoint = adapter, job.endpoint
        self._caps = Caps()
        self._known: dict[tuple[str, bytes], Exchange] = {}

    def read(
        self, request: Request, intended: float, raw: RawExchange, *, keeps_text: bool = False
    ) -> Iterator[Exchange | None]:
        """Yields None between slices of work, so that sockets can be served in between, and finally the exchange.

        `keeps_text`: the text of a stream is kept whole, because it is compared.
        """
        response = raw.response
        failure = None if raw.error is None else (raw.error, raw.detail)
        if failure is None and response is not None:
            failure = classify_status(response)
        tokens: tuple[float, ...] = ()
        output: float | None = None
        events: tuple[StreamEvent, ...] = ()
        is_stream = request.stream and response is not None and response.content_type in STREAM_TYPES
        if is_stream and response is not None and 200 <= response.status < 300:
            stream = _StreamReader(self._adapter.decoder(self._endpoint), keeps_text=keeps_text)
            try:
                yield from self._read_stream(response, raw.pieces, stream)
            except TransportError as problem:
                failure = failure or (problem.error, str(problem))
            except HarnessError as problem:
                failure = failure or (ErrorClass.INVALID, str(problem))
            tokens, output, events = tuple(stream.tokens), stream.output, tuple(stream.events)
        timing = Timing(intended, raw.started, raw.first_byte, tokens, raw.done, output)
        exchange = Exchange(request, timing, response, events=events)
        if failure is not None:
            yield Exchange(request, timing, response, None, events, *failure)
        elif is_stream:
            yield decode_exchange(self._adapter, self._endpoint, exchange)
        else:
            yield self._read_body(exchange)

    def _read_stream(
        self, response: Response, pieces: list[tuple[float, bytes]], stream: _StreamReader
    ) -> Iterator[None]:
        coding = response.header("content-encoding")
        inflater = Inflater(coding, self._caps.body_bytes) if coding else None
        for first in range(0, len(pieces), _SLICE):
            decoded = pieces[first : first + _SLICE]
            if inflater is not None:
                decoded = [(at, inflater.feed(data)) for at, data in decoded]
            stream.feed_pieces(decoded)
            yield None
        if inflater is not None:
            inflater.finish()
        stream.close(pieces[-1][0] if pieces else 0.0)

    def _read_body(self, exchange: Exchange) -> Exchange:
        """Decode an unstreamed body. One that was valid before is not decoded again: a load repeats inputs."""
        response = exchange.response
        assert response is not None
        key = (response.content_type, response.body)
        known = self._known.get(key)
        if known is not None:
            return Exchange(exchange.request, exchange.timing, response, known.answer)
        coding = response.header("content-encoding")
        if coding:
            try:
                inflater = Inflater(coding, self._caps.body_bytes)
                body = inflater.feed(response.body)
                inflater.finish()
            except TransportError as problem:
                return Exchange(exchange.request, exchange.timing, response, error=problem.error, detail=str(problem))
            response = Response(response.status, response.headers, body, response.http_version)
        read = decode_exchange(self._adapter, self._endpoint, Exchange(exchange.request, exchange.timing, response))
        if read.ok and not coding and len(self._known) < _MOST_KNOWN and len(response.body) < _LONGEST_KNOWN:
            self._known[key] = read
        return read


class _StreamReader:
    """Decodes a stream event by event; an event that differs from an earlier one only in its text is not parsed.

    Such an event is counted with the stamp of the read that ended it; its text is kept only where it is compared.
    Servers make their streams from a template, so most events are read at a fraction of the cost; an event that differs
    in anything else (a role, a finish reason, an error, an escape, broken JSON) is decoded. The first blank line shows
    how lines end; where line ends are mixed, some events get the stamp of a later read.
    """

    def __init__(self, decoder: StreamDecoder, *, keeps_text: bool = False) -> None:
        self._keeps_text, self._choice = keeps_text, 0
        self.events: list[StreamEvent] = []
        self.tokens: list[float] = []
        self.output: float | None = None
        self._decoder = decoder
        self._rest, self._blank_line = b"", b""
        self._before, self._after, self._ending = b"", b"", b""

    def feed_pieces(self, pieces: list[tuple[float, bytes]]) -> None:
        """Decode what some reads brought; mostly one read is one event. Raises what the decoder raises."""
        tokens, is_plain = self.tokens, _PLAIN_TEXT
        for at, data in pieces:
            before, ending = self._before, self._ending
            is_event = data.startswith(before) and data.endswith(ending) and not self._rest and before
            if is_event and not self._keeps_text and is_plain(data, len(before), len(data) - len(ending)):
                tokens.append(at)
            else:
                self._feed(at, data)

    def _feed(self, at: float, data: bytes) -> None:
        self._rest += data
        if not self._blank_line and (match := _BLANK_LINE.search(self._rest)):
            self._blank_line = match.group()
        if self._blank_line and self._blank_line in self._rest:
            *whole_events, self._rest = self._rest.split(self._blank_line)
            for event in whole_events:
                if not self._count_text(at, event):
                    self._learn_template(event, self._decode(at, event + self._blank_line))
        if len(self._rest) > _LONG_EVENT:
            rest, self._rest = self._rest, b""
            self._decode(at, rest)

    def close(self, at: float) -> None:
        """The stream has ended. Raises what the decoder raises."""
        self._decode(at, self._rest)
        self.events += self._decoder.close()

    def _count_text(self, at: float, event: bytes) -> bool:
        """Count an event if it differs from the template in its text alone."""
        if not (self._before and event.startswith(self._before) and event.endswith(self._after)):
            return False
        first, last = len(self._before), len(event) - len(self._after)
        if not _PLAIN_TEXT(event, first, last):
            return False
        self.tokens.append(at)
        if self._keeps_text:
            text = event[first:last].decode("utf-8", "replace")
            self.events.append(StreamEvent(EventKind.DELTA, text, index=self._choice))
        return True

    def _decode(self, at: float, data: bytes) -> list[StreamEvent]:
        events = self._decoder.feed(data)
        self.events += events
        self.tokens += [at for event in events if event.is_generated]
        if self.output is None and any(event.is_output for event in events):
            self.output = at
        return events

    def _learn_template(self, data: bytes, events: list[StreamEvent]) -> None:
        """Remember the bytes around the text of an event that holds one text and nothing uncommon."""
        deltas = [event for event in events if event.kind is EventKind.DELTA]
        texts = [event.text for event in deltas]
        if len(texts) != 1 or not texts[0] or any(event.kind not in _COMMON for event in events):
            return
        text = json.dumps(texts[0], ensure_ascii=False).encode()
        before, quoted, after = data.partition(text)
        if quoted and text not in after:
            self._before, self._after = before + b'"', b'"' + after
            self._ending = self._after + self._blank_line
            self._choice = deltas[0].index
