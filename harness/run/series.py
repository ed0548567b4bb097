"""Meter: the times of inferences, second by second, in histograms that merge."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from harness.core.exchange import Exchange
from harness.core.report import Distribution, Second
from harness.io.rundir import SERIES, RunDir
from harness.stats.histogram import Histogram

_METRICS = ("latency", "ttft", "inter_token")


class Seconds:
    """Counts exchanges by the second in which they were meant to be sent; `lines` are those of `series.jsonl`.

    A line's `hist` maps a metric to the sparse buckets of its log-bucket histogram, in seconds; `suite` names a load
    whose figures are reported by themselves, sent at `get_rate(second)` requests/s.
    """

    def __init__(self, worker: str, suite: str = "", get_rate: Callable[[int], float] = lambda _: 0.0) -> None:
        self._head, self._get_rate = {"worker": worker, **({"suite": suite} if suite else {})}, get_rate
        self._counts: dict[int, list[int]] = {}
        self._values: dict[int, dict[str, list[float]]] = {}

    def add(self, exchange: Exchange, gaps: Sequence[float]) -> None:
        """Count one inference; `gaps` are its inter-token latencies."""
        timing, second = exchange.timing, int(exchange.timing.intended)
        counts = self._counts.setdefault(second, [0, 0])
        counts[0] += 1
        counts[1] += not exchange.ok
        values = self._values.setdefault(second, {metric: [] for metric in _METRICS})
        if exchange.ok and timing.latency is not None:
            values["latency"].append(timing.latency)
        if timing.ttft is not None:
            values["ttft"].append(timing.ttft)
        values["inter_token"] += gaps

    def lines(self) -> list[dict[str, Any]]:
        """Every second counted since the last call; the same second may come again, and adds up."""
        lines = []
        for second, (requests, errors) in sorted(self._counts.items()):
            hist = {}
            for metric, values in self._values[second].items():
                if values:
                    histogram = Histogram()
                    histogram.add(values)
                    hist[metric] = histogram.to_sparse()
            head = {"t": second, **self._head}
            if "suite" in head:
                head["target_rate"] = self._get_rate(second)
            lines.append({**head, "requests": requests, "errors": errors, "hist": hist})
        self._counts, self._values = {}, {}
        return lines


class Meter:
    """Counts exchanges per second of the run and appends them to `series.jsonl`; without a run directory, nothing."""

    def __init__(self, run_dir: RunDir | None, worker: str = "main", *, suite: str = "", rate: float = 0.0) -> None:
        self._run_dir = run_dir
        self._seconds = Seconds(worker, suite, lambda _: rate)

    def record(self, exchange: Exchange) -> None:
        """Count one inference."""
        if self._run_dir is not None:
            self._seconds.add(exchange, exchange.timing.inter_token)

    def flush(self) -> None:
        """Append every second counted so far."""
        if self._run_dir is not None:
            for line in self._seconds.lines():
                self._run_dir.append(SERIES, line)


def merge_lines(
    lines: Iterable[Mapping[str, Any]], disturbing: Collection[str] = ()
) -> tuple[tuple[Second, ...], dict[tuple[str, str], Histogram]]:
    """The seconds of all workers added up, and the histograms of each suite's load and metric.

    The suite is empty for single requests. Histograms of `disturbing` suites are left out: what a fault does to the
    times is not a property of the service.
    """
    whole: dict[tuple[str, str], Histogram] = {}
    seconds: dict[int, tuple[int, int, Histogram, float]] = {}
    for line in lines:
        suite = line.get("suite", "")
        requests, errors, latency, rate = seconds.get(line["t"], (0, 0, Histogram(), 0.0))
        for metric, sparse in line.get("hist", {}).items():
            histogram = Histogram.from_sparse(sparse)
            if suite not in disturbing and metric in _METRICS:
                whole[suite, metric] = whole.get((suite, metric), Histogram()).merge(histogram)
            if metric == "latency":
                latency = latency.merge(histogram)
        rate = max(rate, line.get("target_rate", 0.0))
        seconds[line["t"]] = (requests + line["requests"], errors + line["errors"], latency, rate)
    rows = tuple(
        Second(t, requests, errors, _quantile(latency, 0.5), _quantile(latency, 0.99), rate or None)
        for t, (requests, errors, latency, rate) in sorted(seconds.items())
    )
    return rows, dict(sorted(whole.items()))


def make_distribution(suite: str, metric: str, histogram: Histogram, limits: tuple[float, ...]) -> Distribution | None:
    """A histogram as the report draws it, or None when it is empty."""
    if not histogram.n:
        return None
    bounds, counts = histogram.to_dense()
    return Distribution(metric, "s", tuple(bounds), tuple(counts), limits, suite)


def _quantile(histogram: Histogram, q: float) -> float | None:
    return float(histogram.quantile(q)) if histogram.n else None
