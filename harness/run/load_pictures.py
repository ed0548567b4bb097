"""Latency over time of the loads of a run, for the pictures of the report."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import partial, reduce
from operator import itemgetter
from typing import Any

import numpy as np

from harness.core.report import LoadPicture, LoadSlice
from harness.stats.histogram import Histogram

MOST_SLICES, BUCKETS = 60, 20
"""Slices of time, and buckets of latency, of a picture at most."""


def list_pictures(lines: Iterable[Mapping[str, Any]]) -> tuple[LoadPicture, ...]:
    """A picture of each suite whose load has timed answers, from the lines of `series.jsonl`."""
    by_suite: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for line in lines:
        if line.get("suite"):
            by_suite[line["suite"]].append(line)
    pictures = []
    for suite in sorted(by_suite):
        if (picture := _make_picture(suite, by_suite[suite])) is not None:
            pictures.append(picture)
    return tuple(pictures)


def _make_picture(suite: str, lines: list[Mapping[str, Any]]) -> LoadPicture | None:
    get_time = itemgetter("t")
    first, last = min(map(get_time, lines)), max(map(get_time, lines))
    width = max(1, math.ceil((last - first + 1) / MOST_SLICES))
    parts: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for line in lines:
        parts[(line["t"] - first) // width].append(line)
    histograms = {place: reduce(Histogram.merge, map(_read_latency, part)) for place, part in parts.items()}
    edges = [edge for histogram in histograms.values() for edge in histogram.to_dense()[0] if edge > 0]
    if not edges:
        return None
    bounds = _choose_bounds(min(edges), max(edges))
    slices = []
    for place in range(max(parts) + 1):
        part, histogram = parts.get(place, []), histograms.get(place, Histogram())
        requests, errors = sum(map(itemgetter("requests"), part)), sum(map(itemgetter("errors"), part))
        p50, p95, p99 = map(partial(_find_quantile, histogram), (0.5, 0.95, 0.99))
        counts = _count_into(histogram, bounds)
        slices.append(LoadSlice(first + place * width, width, requests, errors, p50, p95, p99, counts))
    return LoadPicture(suite, bounds, tuple(slices))


def _find_quantile(histogram: Histogram, q: float) -> float | None:
    return float(histogram.quantile(q)) if histogram.n else None


def _read_latency(line: Mapping[str, Any]) -> Histogram:
    return Histogram.from_sparse(line.get("hist", {}).get("latency", {}))


def _choose_bounds(low: float, high: float) -> tuple[float, ...]:
    """Equal steps of the logarithm from the shortest to the longest latency."""
    steps = min(BUCKETS, max(1, math.ceil(math.log(high / low) / math.log(1.05))))
    return tuple(np.geomspace(low, high, steps + 1).tolist())


def _count_into(histogram: Histogram, bounds: tuple[float, ...]) -> tuple[int, ...]:
    counts = [0] * (len(bounds) - 1)
    span = math.log(bounds[-1] / bounds[0]) or 1.0
    edges, values = histogram.to_dense()
    for upper, count in zip(edges[1:], values, strict=False):
        place = math.ceil(math.log(max(upper, bounds[0]) / bounds[0]) / span * len(counts) - 1e-6) - 1
        counts[min(max(place, 0), len(counts) - 1)] += count
    return tuple(counts)
