"""Meter: what inferences took, second by second, in histograms that merge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from harness.core.exchange import Exchange
from harness.core.report import Distribution, Second
from harness.io.rundir import SERIES, RunDir
from harness.stats.histogram import Histogram

METRICS = ("latency", "ttft", "inter_token")


class Meter:
    """Counts exchanges per second of the run and appends closed seconds to `series.jsonl`.

    The line's `hist` maps a metric to the sparse buckets of its log-bucket histogram, in seconds; `suite` names a load
    whose figures stand apart, sent at `target_rate` requests/s. Without a run directory nothing is kept.
    """

    def __init__(self, run_dir: RunDir | None, worker: str = "main", *, suite: str = "", rate: float = 0.0) -> None:
        self._run_dir = run_dir
        self._head = {"worker": worker, **({"suite": suite, "target_rate": rate} if suite else {})}
        self._seconds: dict[int, _Bin] = {}

    def record(self, exchange: Exchange) -> None:
        """Count one inference in the second in which it was meant to be sent."""
        if self._run_dir is None:
            return
        self._seconds.setdefault(int(exchange.timing.intended), _Bin()).add(exchange)

    def flush(self) -> None:
        """Append every second counted so far; the same second may get several lines, which add up."""
        if self._run_dir is None:
            return
        for second, content in sorted(self._seconds.items()):
            self._run_dir.append(SERIES, {"t": second, **self._head, **content.line()})
        self._seconds = {}


class _Bin:
    def __init__(self) -> None:
        self.requests = 0
        self.errors = 0
        self.hist = {metric: Histogram() for metric in METRICS}

    def add(self, exchange: Exchange) -> None:
        self.requests += 1
        self.errors += not exchange.ok
        timing = exchange.timing
        if exchange.ok and timing.latency is not None:
            self.hist["latency"].add(timing.latency)
        if timing.ttft is not None:
            self.hist["ttft"].add(timing.ttft)
        for gap in timing.inter_token:
            self.hist["inter_token"].add(gap)

    def line(self) -> dict[str, Any]:
        hist = {metric: found.to_sparse() for metric, found in self.hist.items() if found.n}
        return {"requests": self.requests, "errors": self.errors, "hist": hist}


def merged(lines: Iterable[Mapping[str, Any]]) -> tuple[tuple[Second, ...], dict[tuple[str, str], Histogram]]:
    """The seconds of all workers added up, and the histograms of each suite's load and metric.

    The suite is empty for single requests. Those of chaos are left out: what a fault did is no property of the service.
    """
    whole: dict[tuple[str, str], Histogram] = {}
    seconds: dict[int, tuple[int, int, Histogram, float]] = {}
    for line in lines:
        suite = line.get("suite", "")
        requests, errors, latency, rate = seconds.get(line["t"], (0, 0, Histogram(), 0.0))
        for metric, sparse in line.get("hist", {}).items():
            found = Histogram.from_sparse(sparse)
            if suite != "chaos" and metric in METRICS:
                whole[suite, metric] = whole.get((suite, metric), Histogram()).merge(found)
            if metric == "latency":
                latency = latency.merge(found)
        rate = max(rate, line.get("target_rate", 0.0))
        seconds[line["t"]] = (requests + line["requests"], errors + line["errors"], latency, rate)
    rows = tuple(
        Second(t, requests, errors, _quantile(latency, 0.5), _quantile(latency, 0.99), rate or None)
        for t, (requests, errors, latency, rate) in sorted(seconds.items())
    )
    return rows, dict(sorted(whole.items()))


def distribution(suite: str, metric: str, histogram: Histogram, limits: tuple[float, ...]) -> Distribution | None:
    """A histogram as the report draws it, or None when it is empty."""
    if not histogram.n:
        return None
    bounds, counts = histogram.dense()
    return Distribution(metric, "s", tuple(bounds), tuple(counts), limits, suite)


def _quantile(histogram: Histogram, q: float) -> float | None:
    return float(histogram.quantile(q)) if histogram.n else None
