"""The load child's book: answers read off the timing path, counted by second and by time block."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace

from harness.core.adapter import Adapter, StreamDecoder
from harness.core.errors import ErrorClass, HarnessError, TransportError
from harness.core.exchange import EventKind, Exchange, Request, Response, StreamEvent, Timing
from harness.core.load import BLOCKS, DEAD, Job
from harness.core.replay import show_exchange
from harness.io.content import Inflater
from harness.io.http import classify_status
from harness.io.response_reader import STREAM_TYPES, Caps, RawExchange
from harness.load.counts import MOST_EXAMPLES, NEVER, WorkerCounts
from harness.run.series import Seconds
from harness.run.session import decoded
from harness.stats.histogram import Histogram

_METRICS = ("latency", "service", "ttft", "inter_token", "lag")
_SLICE, _MOST_KNOWN = 16, 256
"""Pieces decoded at a time; bodies remembered as valid."""

_LONG = 65536
"""Bytes of an event after which it is given to the decoder in parts, so that its limits hold."""

_BLANK_LINE = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_COMMON = (EventKind.DELTA, EventKind.ROLE, EventKind.OTHER)
_NO_SERVICE = (ErrorClass.CLOSED, *(kind for kind in ErrorClass if kind.is_before_contact))


class AnswerReader:
    """Reads answers as the gate does: the same adapter, the same error classes."""

    def __init__(self, adapter: Adapter, job: Job) -> None:
        self._adapter, self._endpoint = adapter, job.endpoint
        self._caps = Caps()
        self._known: dict[tuple[str, bytes], Exchange] = {}

    def read(self, request: Request, intended: float, raw: RawExchange) -> Iterator[Exchange | None]:
        """Yields None between slices of work, so that sockets can be served in between, and the exchange at last."""
        head, body = raw.head, b"".join(data for _, data in raw.pieces)
        timing = Timing(intended, raw.started, raw.first_byte, (), raw.done)
        response = None if head is None else Response(head.status, head.headers, body, head.http_version)
        exchange = Exchange(request, timing, response)
        failure = None if raw.error is None else (raw.error, raw.detail)
        if failure is None and response is not None:
            failure = classify_status(response)
        stream = request.stream and response is not None and response.content_type in STREAM_TYPES
        if stream and response is not None and 200 <= response.status < 300:
            read = _Stream(self._adapter.decoder(self._endpoint))
            try:
                yield from self._events(response, raw.pieces, read)
            except HarnessError as problem:
                kind = problem.error if isinstance(problem, TransportError) else ErrorClass.INVALID
                failure = failure or (kind, str(problem))
            timing = replace(timing, tokens=tuple(read.tokens))
            exchange = Exchange(request, timing, response, events=tuple(read.events))
        if failure is not None:
            yield Exchange(request, timing, response, None, exchange.events, *failure)
        elif stream:
            yield decoded(self._adapter, self._endpoint, exchange)
        else:
            yield self._whole(exchange)

    def _events(self, response: Response, pieces: list[tuple[float, bytes]], stream: _Stream) -> Iterator[None]:
        inflater = Inflater(response.header("content-encoding") or "", self._caps.body_bytes)
        for i, (at, data) in enumerate(pieces, 1):
            stream.feed(at, inflater.feed(data))
            if i % _SLICE == 0:
                yield None
        inflater.finish()
        stream.close(pieces[-1][0] if pieces else 0.0)

    def _whole(self, exchange: Exchange) -> Exchange:
        """A body that was valid once is valid again: a service under load often says the same."""
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
        found = decoded(self._adapter, self._endpoint, Exchange(exchange.request, exchange.timing, response))
        if found.ok and not coding and len(self._known) < _MOST_KNOWN and len(response.body) < 65536:
            self._known[key] = found
        return found


class _Stream:
    """Decodes a stream event by event, and parses no JSON of an event that is one decoded before but for its text.

    Such an event is counted with the stamp of the read that ended it, and its text is not kept: whoever generates a
    stream by a template, as every server known does, is read at a fraction of the cost, and what differs anywhere (a
    role, a finish reason, an error, an escape, broken JSON) is decoded. The first blank line shows how lines end; of
    mixed line ends some events are stamped with a later read.
    """

    def __init__(self, decoder: StreamDecoder) -> None:
        self.events: list[StreamEvent] = []
        self.tokens: list[float] = []
        self._decoder = decoder
        self._rest, self._end = b"", b""
        self._alike: re.Pattern[bytes] | None = None

    def feed(self, at: float, data: bytes) -> None:
        """Take what one read brought. Raises what the decoder does."""
        data = self._rest + data
        if not self._end and (found := _BLANK_LINE.search(data)):
            self._end = found.group()
        whole, blank, self._rest = data.rpartition(self._end) if self._end else (b"", b"", data)
        for event in whole.split(self._end) if blank else ():
            if self._alike is not None and self._alike.fullmatch(event):
                self.tokens.append(at)
            else:
                self._decode(at, event + self._end)
                self._learn(event)
        if len(self._rest) > _LONG:
            rest, self._rest = self._rest, b""
            self._decode(at, rest)

    def close(self, at: float) -> None:
        """The stream has ended. Raises what the decoder does."""
        self._decode(at, self._rest)
        self.events += self._decoder.close()

    def _decode(self, at: float, data: bytes) -> None:
        self._found = self._decoder.feed(data)
        self.events += self._found
        self.tokens += [at for event in self._found if event.kind is EventKind.DELTA and event.text]

    def _learn(self, event: bytes) -> None:
        texts = [each.text for each in self._found if each.kind is EventKind.DELTA]
        if len(texts) != 1 or not texts[0] or any(each.kind not in _COMMON for each in self._found):
            return
        text = json.dumps(texts[0], ensure_ascii=False).encode()
        before, quoted, after = event.partition(text)
        if quoted and text not in after:
            self._alike = re.compile(re.escape(before) + rb'"[^"\\\x00-\x1f]+"' + re.escape(after))


class Recorder:
    """Counts every exchange of one process into its `share`. `t0` is the schedule's zero in seconds of the run."""

    def __init__(self, job: Job) -> None:
        load = job.load
        self.job, self.t0 = job, 0.0
        self._warm, self._span = load.warm_up, (load.duration - load.warm_up) / BLOCKS
        self._silent, self._answered_at = 0, 0.0
        limits = {metric: job.limits.get(metric, ()) for metric in _METRICS}
        limits["service"] = limits["latency"]  # what a client that was the limit can still say
        self.share = WorkerCounts({metric: [Histogram(limits[metric]) for _ in range(BLOCKS)] for metric in _METRICS})
        self._pending: dict[tuple[str, int], list[float]] = {}
        self._seconds = Seconds("load", "load", load.rate)

    def add(self, exchange: Exchange) -> None:
        """Count one exchange that has ended."""
        timing, ok, share = exchange.timing, exchange.ok, self.share
        share.completed += 1
        share.tokens += exchange.generated_tokens
        share.last_sent = max(share.last_sent, timing.sent or 0.0)
        self._note_life(exchange)
        if exchange.error is not None:
            share.errors[exchange.error] = share.errors.get(exchange.error, 0) + 1
            broken = exchange.error in (ErrorClass.INVALID, ErrorClass.INCOMPLETE)
            share.broken_count += broken
            kept = share.broken if broken else share.failures
            if len(kept) < MOST_EXAMPLES:
                kept.append(
                    show_exchange(exchange, self.job.endpoint, f"a request under load failed: {exchange.detail}")
                )
        latency, gaps = timing.latency, list(timing.inter_token)
        self._seconds.add(exchange, gaps)
        block = int((timing.intended - self.t0 - self._warm) / self._span + 1e-9)
        if timing.intended - self.t0 < self._warm - 1e-9:
            return
        block = min(block, BLOCKS - 1)
        share.requests[block] += 1
        share.failed[block] += not ok
        self._put("latency", block, latency if ok and latency is not None else NEVER)
        service = timing.service_time
        self._put("service", block, service if ok and service is not None else NEVER)
        self._put("lag", block, max(0.0, (timing.sent or 0.0) - timing.intended))
        if exchange.request.stream:
            self._put("ttft", block, timing.ttft if ok and timing.ttft is not None else NEVER)
            if not ok:
                gaps.append(NEVER)  # the gap after the last token, or to the first, never ended
            self._pending.setdefault(("inter_token", block), []).extend(gaps)

    def flush(self) -> WorkerCounts:
        """The share, with all that came since the last call in its histograms, and the seconds since in its lines."""
        for (metric, block), found in self._pending.items():
            if found:
                self.share.blocks[metric][block].add(found)
        self.share.lines, self._pending = self._seconds.lines(), {}
        return self.share

    def _put(self, metric: str, block: int, value: float) -> None:
        self._pending.setdefault((metric, block), []).append(max(0.0, value))

    def _note_life(self, exchange: Exchange) -> None:
        """Notice when nothing has answered for `DEAD` seconds of the schedule."""
        if exchange.error not in _NO_SERVICE:
            self._answered_at, self._silent = max(self._answered_at, exchange.timing.intended), 0
            return
        self._silent += 1
        since = exchange.timing.intended - max(self._answered_at, self.t0)
        if self._silent >= 3 and since >= DEAD and self.share.gone is None:
            self.share.gone = f"no request of {since:.1f} s was answered ({exchange.error}: {exchange.detail})"
