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

    The line's `hist` maps a metric to the sparse buckets of its log-bucket histogram, in seconds. Without a run
    directory nothing is kept.
    """

    def __init__(self, run_dir: RunDir | None, worker: str = "main") -> None:
        self._run_dir = run_dir
        self._worker = worker
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
            self._run_dir.append(SERIES, {"t": second, "worker": self._worker, **content.line()})
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


def merged(lines: Iterable[Mapping[str, Any]]) -> tuple[tuple[Second, ...], dict[str, Histogram]]:
    """The seconds of all workers added up, and each metric's histogram over the whole run."""
    whole = {metric: Histogram() for metric in METRICS}
    seconds: dict[int, tuple[int, int, Histogram]] = {}
    for line in lines:
        requests, errors, latency = seconds.get(line["t"], (0, 0, Histogram()))
        for metric, sparse in line.get("hist", {}).items():
            found = Histogram.from_sparse(sparse)
            whole[metric] = whole[metric].merge(found)
            if metric == "latency":
                latency = latency.merge(found)
        seconds[line["t"]] = (requests + line["requests"], errors + line["errors"], latency)
    rows = tuple(
        Second(t, requests, errors, _quantile(latency, 0.5), _quantile(latency, 0.99))
        for t, (requests, errors, latency) in sorted(seconds.items())
    )
    return rows, whole


def distribution(metric: str, histogram: Histogram, limits: tuple[float, ...]) -> Distribution | None:
    """A histogram as the report draws it, or None when it is empty."""
    if not histogram.n:
        return None
    bounds, counts = histogram.dense()
    return Distribution(metric, "s", tuple(bounds), tuple(counts), limits)


def _quantile(histogram: Histogram, q: float) -> float | None:
    return float(histogram.quantile(q)) if histogram.n else None
