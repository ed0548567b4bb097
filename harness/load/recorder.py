"""Counts the exchanges of one process's load, by second of the run and by time block.

Tested in tests/load/test_counts.py.
"""

from __future__ import annotations

from harness.core.errors import ErrorClass
from harness.core.exchange import Exchange
from harness.core.load import SECONDS_UNTIL_GONE, Job
from harness.core.replay import show_exchange
from harness.load.counts import MOST_EXAMPLES, NEVER, WorkerCounts
from harness.run.series import Seconds
from harness.stats.dependence import TIME_BLOCKS
from harness.stats.histogram import Histogram

_METRICS = ("latency", "service", "ttft", "inter_token", "lag")
_BROKEN = (ErrorClass.INVALID, ErrorClass.INCOMPLETE)
_NO_SERVICE = (ErrorClass.CLOSED, *(error for error in ErrorClass if error.is_before_contact))
_ROUNDING = 1e-9


class Recorder:
    """Counts every exchange of one process into its `counts`. `t0` is the schedule's zero in seconds of the run."""

    def __init__(self, job: Job) -> None:
        load = job.load
        self.job, self.t0 = job, 0.0
        self._warm_up, self._block_seconds = load.warm_up, (load.duration - load.warm_up) / TIME_BLOCKS
        self._unanswered, self._answered_at = 0, 0.0
        limits = {metric: job.limits.get(metric, ()) for metric in _METRICS}
        limits["service"] = limits["latency"]  # judged where the load itself could not keep up
        self.counts = WorkerCounts(
            {metric: [Histogram(limits[metric]) for _ in range(TIME_BLOCKS)] for metric in _METRICS}
        )
        self._pending: dict[tuple[str, int], list[float]] = {}
        self._seconds = Seconds(job.suite, job.suite, load.rate)

    def add(self, exchange: Exchange) -> None:
        """Count one exchange that has ended. One from the warm-up is counted by second and not judged."""
        timing, counts = exchange.timing, self.counts
        counts.completed += 1
        counts.tokens += exchange.generated_tokens
        counts.last_sent = max(counts.last_sent, timing.sent or 0.0)
        self._check_service(exchange)
        if exchange.error is not None:
            self._count_error(exchange, exchange.error)
        gaps = timing.inter_token
        self._seconds.add(exchange, gaps)
        since_start = timing.intended - self.t0
        if since_start < self._warm_up - _ROUNDING:
            return
        block = min(int((since_start - self._warm_up) / self._block_seconds + _ROUNDING), TIME_BLOCKS - 1)
        counts.requests[block] += 1
        counts.failed[block] += not exchange.ok
        latency, service, ttft = timing.latency, timing.service_time, timing.ttft
        if not exchange.ok:
            latency = service = ttft = None
            gaps = (*gaps, NEVER)  # the gap after the last token, or before the first, never ended
        self._note_duration("latency", block, latency)
        self._note_duration("service", block, service)
        self._note_duration("lag", block, (timing.sent or 0.0) - timing.intended)
        if exchange.request.stream:
            self._note_duration("ttft", block, ttft)
            self._pending.setdefault(("inter_token", block), []).extend(gaps)

    def flush(self) -> WorkerCounts:
        """The counts, with everything since the last call in its histograms, and the seconds since then in `series`."""
        for (metric, block), values in self._pending.items():
            if values:
                self.counts.blocks[metric][block].add(values)
        self.counts.series, self._pending = self._seconds.lines(), {}
        return self.counts

    def _note_duration(self, metric: str, block: int, value: float | None) -> None:
        """Note a duration in seconds; None is one that never ended."""
        seconds = NEVER if value is None else max(0.0, value)
        self._pending.setdefault((metric, block), []).append(seconds)

    def _count_error(self, exchange: Exchange, error: ErrorClass) -> None:
        counts, examples = self.counts, self.counts.failures
        counts.errors[error] = counts.errors.get(error, 0) + 1
        if error in _BROKEN:
            counts.broken_count += 1
            examples = counts.broken
        if len(examples) < MOST_EXAMPLES:
            examples.append(
                show_exchange(exchange, self.job.endpoint, f"a request under load failed: {exchange.detail}")
            )

    def _check_service(self, exchange: Exchange) -> None:
        """Notice when no request has been answered for `DEAD` seconds of the schedule."""
        if exchange.error not in _NO_SERVICE:
            self._answered_at, self._unanswered = max(self._answered_at, exchange.timing.intended), 0
            return
        self._unanswered += 1
        since = exchange.timing.intended - max(self._answered_at, self.t0)
        if self._unanswered >= 3 and since >= SECONDS_UNTIL_GONE and self.counts.gone is None:
            self.counts.gone = f"no request was answered for {since:.1f} s ({exchange.error}: {exchange.detail})"
