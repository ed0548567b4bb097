"""The record of a soak over time, made of the lines of its slices.

Tested in tests/load/test_slices.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.load_settings import LoadSettings
from harness.core.soak import FEWEST_IN_WINDOW, MOST_WINDOWS, Episode, FirstRequest, SoakRecord, Window
from harness.load.slices import NEVER_ENDED, SliceGrid, make_grid
from harness.stats.episodes import list_episodes
from harness.stats.histogram import Histogram

_SLOW_FACTOR, _SLOW_SECONDS, _FAILING = 3.0, 0.1, 0.3
"""A bin is slow if its mean time is so many times that of the median bin, and by so many seconds more; it is a burst
of failures if at least this share of its requests failed.
"""
_BEFORE = 2
"""Bins before an episode in which what the load generator held up may have brought it about."""
_MOST_POINTS = 1000
"""Points of each gauge that the record keeps."""

FloatArray = NDArray[np.float64]


@dataclass(slots=True)
class _Sum:
    """The requests of one window."""

    requests: int = 0
    failed: int = 0
    bad: int = 0
    histograms: dict[str, Histogram] = field(default_factory=dict)

    def add(self, line: Mapping[str, Any]) -> None:
        self.requests += line["requests"]
        self.failed += line["failed"]
        self.bad += line["bad"]
        for metric, sparse in line["hist"].items():
            self.histograms[metric] = self.histograms.get(metric, Histogram()).merge(Histogram.from_sparse(sparse))

    def make_window(self, begin: float, end: float) -> Window:
        p50 = {metric: histogram.quantile(0.5) for metric, histogram in self.histograms.items()}
        p95 = {metric: histogram.quantile(0.95) for metric, histogram in self.histograms.items()}
        return Window(begin, end, self.requests, self.failed, self.bad, p50, p95)


def make_soak_record(lines: Iterable[Mapping[str, Any]], load: LoadSettings, lost: int = 0) -> SoakRecord:
    """The record of a soak of this load. The lines are read once and not kept."""
    grid, idle = make_grid(load.duration), load.idle_times
    clock = _LoadedClock(load.judged_from, load.duration, idle)
    count = min(MOST_WINDOWS, load.judged_requests // FEWEST_IN_WINDOW)
    sums = [_Sum() for _ in range(count)]
    bins = np.zeros((math.ceil(load.duration / grid.bin_seconds) + grid.bins, 4))
    first: dict[int, tuple[float, float]] = {}
    gauges: dict[str, list[tuple[float, float]]] = {}
    for line in lines:
        if "gauges" in line:
            for name, value in line["gauges"].items():
                gauges.setdefault(name, []).append((line["t"], value))
            continue
        if sums:
            middle = (line["slice"] + 0.5) * grid.seconds
            sums[min(count - 1, int(clock.measure_loaded(middle) / clock.loaded * count))].add(line)
        for place, values in line["bins"].items():
            bins[line["slice"] * grid.bins + int(place), : len(values)] += values
        for pause, (due, seconds) in line["first"].items():
            first[int(pause)] = min(first.get(int(pause), (math.inf, 0.0)), (due, seconds))
    windows = [
        part.make_window(clock.find_time(i / count), clock.find_time((i + 1) / count))
        for i, part in enumerate(sums)
        if part.requests
    ]
    return SoakRecord(
        tuple(windows),
        idle,
        grid.bin_seconds,
        _find_stalls(bins, grid),
        _find_bursts(bins, grid),
        tuple(_make_first(due, seconds) for _, (due, seconds) in sorted(first.items())),
        {name: _thin_out(points) for name, points in sorted(gauges.items())},
        lost,
    )


def _make_first(due: float, seconds: float) -> FirstRequest:
    return FirstRequest(due, seconds if seconds < NEVER_ENDED else None)


class _LoadedClock:
    """A clock of the judged part that stands still in pauses."""

    def __init__(self, begin: float, end: float, idle: Sequence[tuple[float, float]]) -> None:
        self._begin, self._end, self._idle = begin, end, [(max(a, begin), b) for a, b in idle if b > begin]
        self.loaded = end - begin - sum(b - a for a, b in self._idle)

    def measure_loaded(self, time: float) -> float:
        """Seconds of the judged part until this time without its pauses."""
        paused = sum(min(max(time - a, 0.0), b - a) for a, b in self._idle)
        return min(max(time - self._begin - paused, 0.0), self.loaded)

    def find_time(self, share: float) -> float:
        """When this share of the loaded time was over."""
        time = self._begin + share * self.loaded
        for a, b in self._idle:
            if time > a:
                time += b - a
        return time


def _find_stalls(bins: FloatArray, grid: SliceGrid) -> tuple[Episode, ...]:
    answered = bins[:, 0] - bins[:, 1]
    has_any = answered > 0
    if not has_any.any():
        return ()
    means = np.where(has_any, bins[:, 2] / np.maximum(answered, 1), np.nan)
    usual = float(np.nanmedian(means))
    is_slow = np.where(has_any, means > max(_SLOW_FACTOR * usual, usual + _SLOW_SECONDS), False)
    return _make_episodes(is_slow, bins, means, grid)


def _find_bursts(bins: FloatArray, grid: SliceGrid) -> tuple[Episode, ...]:
    shares = bins[:, 1] / np.maximum(bins[:, 0], 1)
    return _make_episodes(shares >= _FAILING, bins, shares, grid)


def _make_episodes(
    is_marked: NDArray[np.bool_], bins: FloatArray, sizes: FloatArray, grid: SliceGrid
) -> tuple[Episode, ...]:
    width, held_up = grid.bin_seconds, bins[:, 3] > 0
    return tuple(
        Episode(
            begin * width,
            (end - begin) * width,
            float(np.nanmax(sizes[begin:end])),
            bool(held_up[max(0, begin - _BEFORE) : end].any()),
        )
        for begin, end in list_episodes(is_marked, bins[:, 0] > 0)
    )


def _thin_out(points: list[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    step = math.ceil(len(points) / _MOST_POINTS)
    return tuple(sorted(points)[::step])
