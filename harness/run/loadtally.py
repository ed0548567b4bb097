"""The load child's book: answers read off the timing path, counted by second and by time block."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from harness.core.adapter import Adapter
from harness.core.errors import ErrorClass, HarnessError, TransportError
from harness.core.exchange import EventKind, Exchange, Request, Response, StreamEvent, Timing
from harness.core.load import BLOCKS, DEAD, Counts, Job, LoadResult, client_bound
from harness.core.pacing import Pacer
from harness.core.replay import show
from harness.core.report import Generator
from harness.core.verdict import Counterexample
from harness.io.content import Inflater
from harness.io.intake import STREAM_TYPES, Caps
from harness.io.rundir import SERIES, RunDir
from harness.run.session import decoded
from harness.stats.histogram import Histogram

METRICS = ("latency", "service", "ttft", "inter_token", "lag")
SHOWN, SLICE, KNOWN = 3, 16, 256
"""Counterexamples kept of a kind; pieces decoded at a time; bodies remembered as valid."""

NEVER = float("inf")
_ENDED_TALKING = (ErrorClass.INTER_TOKEN_TIMEOUT, ErrorClass.TOTAL_TIMEOUT, ErrorClass.CLOSED, ErrorClass.INCOMPLETE)
_NO_SERVICE = (ErrorClass.CLOSED, *(kind for kind in ErrorClass if kind.never_reached))


class Reader:
    """Reads answers as the gate does: the same adapter, the same error classes."""

    def __init__(self, adapter: Adapter, job: Job) -> None:
        self._adapter, self._endpoint = adapter, job.endpoint
        self._caps = Caps()
        self._known: dict[tuple[str, bytes], Exchange] = {}

    def read(
        self,
        request: Request,
        intended: float,
        started: float,
        first_byte: float | None,
        done: float | None,
        head: Response | None,
        pieces: list[tuple[float, bytes]],
        failure: tuple[ErrorClass, str] | None,
    ) -> Iterator[Exchange | None]:
        """Yields None between slices of work, so that sockets can be served in between, and the exchange at last."""
        body = b"".join(data for _, data in pieces)
        timing = Timing(intended, started, first_byte, (), done)
        response = None if head is None else Response(head.status, head.headers, body, head.http_version)
        exchange = Exchange(request, timing, response)
        if failure is None and response is not None and not 200 <= response.status < 300:
            moved = 300 <= response.status < 400 and response.header("location") is not None
            failure = (ErrorClass.REDIRECT if moved else ErrorClass.STATUS), f"HTTP {response.status}"
        stream = request.stream and response is not None and response.content_type in STREAM_TYPES
        if stream and response is not None and 200 <= response.status < 300:
            events: list[StreamEvent] = []
            tokens: list[float] = []
            try:
                yield from self._events(response, pieces, events, tokens)
            except HarnessError as problem:
                kind = problem.error if isinstance(problem, TransportError) else ErrorClass.INVALID
                failure = failure or (kind, str(problem))
            timing = Timing(intended, started, first_byte, tuple(tokens), done)
            exchange = Exchange(request, timing, response, events=tuple(events))
        if failure is not None:
            yield Exchange(request, timing, response, None, exchange.events, *failure)
        elif stream:
            yield decoded(self._adapter, self._endpoint, exchange)
        else:
            yield self._whole(exchange)

    def _events(
        self, response: Response, pieces: list[tuple[float, bytes]], events: list[StreamEvent], tokens: list[float]
    ) -> Iterator[None]:
        decoder = self._adapter.decoder()
        inflater = Inflater(response.header("content-encoding") or "", self._caps.body_bytes)
        for i, (at, data) in enumerate(pieces, 1):
            found = decoder.feed(inflater.feed(data))
            events += found
            tokens += [at for event in found if event.kind is EventKind.DELTA and event.text]
            if i % SLICE == 0:
                yield None
        inflater.finish()
        events += decoder.close()

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
        if found.ok and not coding and len(self._known) < KNOWN and len(response.body) < 65536:
            self._known[key] = found
        return found


class Tally:
    """Counts every exchange of one load. `t0` is the schedule's zero in seconds of the run, known at its start."""

    def __init__(self, job: Job, pacer: Pacer) -> None:
        load = job.load
        self.job, self.t0, self.sent, self.waited, self.stall = job, 0.0, 0, 0, 0.0
        self.gone: str | None = None
        self._intended = pacer.count
        self._warm, self._span = load.warm_up, (load.duration - load.warm_up) / BLOCKS
        self._errors: Counter[str] = Counter()
        self.completed = self.tokens = self._judged = self._broken_count = self._silent = 0
        self._answered_at = self._last_sent = 0.0
        self._failures: list[Counterexample] = []
        self._broken: list[Counterexample] = []
        self._requests, self._failed = [0] * BLOCKS, [0] * BLOCKS
        limits = {metric: job.limits.get(metric, ()) for metric in METRICS}
        self._blocks = {metric: [Histogram(limits[metric]) for _ in range(BLOCKS)] for metric in METRICS}
        self._pending: dict[tuple[str, int], list[float]] = {}
        self._seconds: dict[int, tuple[list[int], dict[str, list[float]]]] = {}

    def add(self, exchange: Exchange) -> None:
        """Count one exchange that has ended."""
        timing, ok = exchange.timing, exchange.ok
        self.completed += 1
        self.tokens += exchange.generated_tokens
        self._last_sent = max(self._last_sent, timing.sent or 0.0)
        self._note_life(exchange)
        if exchange.error is not None:
            self._errors[exchange.error] += 1
            broken = exchange.error in (ErrorClass.INVALID, ErrorClass.INCOMPLETE)
            self._broken_count += broken
            kept = self._broken if broken else self._failures
            if len(kept) < SHOWN:
                kept.append(show(exchange, self.job.endpoint, f"a request under load failed: {exchange.detail}"))
        latency, gaps = timing.latency, list(timing.inter_token)
        counts, values = self._seconds.setdefault(int(timing.intended), ([0, 0], {}))
        counts[0] += 1
        counts[1] += not ok
        if ok and latency is not None:
            values.setdefault("latency", []).append(latency)
        if timing.ttft is not None:
            values.setdefault("ttft", []).append(timing.ttft)
        values.setdefault("inter_token", []).extend(gaps)
        block = int((timing.intended - self.t0 - self._warm) / self._span + 1e-9)
        if timing.intended - self.t0 < self._warm - 1e-9:
            return
        block = min(block, BLOCKS - 1)
        self._judged += 1
        self._requests[block] += 1
        self._failed[block] += not ok
        self._put("latency", block, latency if ok and latency is not None else NEVER)
        service = timing.service_time
        self._put("service", block, service if ok and service is not None else NEVER)
        self._put("lag", block, max(0.0, (timing.sent or 0.0) - timing.intended))
        if exchange.request.stream:
            self._put("ttft", block, timing.ttft if timing.ttft is not None else NEVER)
            if timing.tokens and exchange.error in _ENDED_TALKING:
                gaps.append(NEVER)  # the gap after the last token never ended
            self._pending.setdefault(("inter_token", block), []).extend(gaps)

    def flush(self, run_dir: RunDir | None) -> None:
        """Move what came since the last call into the histograms, and append the seconds to the run's series."""
        for (metric, block), found in self._pending.items():
            if found:
                self._blocks[metric][block].add_many(found)
        self._pending = {}
        for second, (counts, values) in sorted(self._seconds.items()):
            hist = {}
            for metric, found in values.items():
                if found:
                    made = Histogram()
                    made.add_many(found)
                    hist[metric] = made.to_sparse()
            head = {"t": second, "worker": "load", "suite": "load", "target_rate": self.job.load.rate}
            if run_dir is not None:
                run_dir.append(SERIES, {**head, "requests": counts[0], "errors": counts[1], "hist": hist})
        self._seconds = {}

    def result(self, scenario: str, cpu: float | None, finished: bool) -> LoadResult:
        """What was counted so far; `cpu` is the child's share of a core."""
        whole = {metric: merged(blocks) for metric, blocks in self._blocks.items()}
        load, lag = self.job.load, whole["lag"]
        span = load.duration if self.completed >= self._intended else max(self._last_sent - self.t0, 1e-9)
        late = max(0.0, self._last_sent - self.t0 - load.duration)
        made = Generator(
            target_rate=load.rate,
            achieved_rate=self.sent / (span + late) if self.sent and self.t0 else None,
            lag_p99=lag.quantile(0.99) if lag.n else None,
            cpu=cpu,
        )
        failed = Counts(tuple(self._requests), tuple(self._failed))
        blocks = {metric: _counts(found, whole[metric]) for metric, found in self._blocks.items()}
        made_of = LoadResult(
            scenario,
            self.job.endpoint.protocol,
            self._intended,
            sent=self.sent,
            completed=self.completed,
            failed=self._errors.total(),
            judged=self._judged,
            waited=self.waited,
            tokens=self.tokens,
            errors=dict(self._errors),
            blocks={**blocks, "error_rate": failed},
            histograms={metric: found.to_sparse() for metric, found in whole.items() if found.n},
            generator=made,
            stall=self.stall,
            failures=tuple(self._failures),
            broken=tuple(self._broken),
            broken_count=self._broken_count,
            gone=self.gone,
            finished=finished,
        )
        limits = [limit for found in self.job.limits.values() for limit in found]
        return replace(made_of, client_bound=client_bound(made_of, limits))

    def _put(self, metric: str, block: int, value: float) -> None:
        self._pending.setdefault((metric, block), []).append(max(0.0, value))

    def _note_life(self, exchange: Exchange) -> None:
        """Notice when nothing has answered for `DEAD` seconds of the schedule."""
        if exchange.error not in _NO_SERVICE:
            self._answered_at, self._silent = max(self._answered_at, exchange.timing.intended), 0
            return
        self._silent += 1
        since = exchange.timing.intended - max(self._answered_at, self.t0)
        if self._silent >= 3 and since >= DEAD and self.gone is None:
            self.gone = f"no request of {since:.1f} s was answered ({exchange.error}: {exchange.detail})"


def merged(blocks: list[Histogram]) -> Histogram:
    """All blocks as one histogram."""
    whole = blocks[0]
    for each in blocks[1:]:
        whole = whole.merge(each)
    return whole


def _counts(blocks: list[Histogram], whole: Histogram) -> Counts:
    limits = [float(key.removeprefix("over ")) for key in whole.to_sparse() if key.startswith("over ")]
    edge = whole.quantile(0.9) if whole.n else NEVER
    over = {repr(limit): tuple(block.count_over(limit) for block in blocks) for limit in limits}
    return Counts(tuple(block.n for block in blocks), tuple(_over(block, edge) for block in blocks), over)


def _over(block: Histogram, value: float) -> int:
    """How many values lie in buckets above this value's."""
    edges, counts = block.dense()
    return block.infinite * (value < NEVER) + sum(n for low, n in zip(edges, counts, strict=False) if low >= value)


def result_path(run_dir: Path, scenario: str) -> Path:
    """Where a scenario's result lies in a run directory."""
    return run_dir / "load" / f"{scenario}.json"
