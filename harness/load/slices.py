"""A soak by slices of its time: what a process keeps of them does not grow, the rest is in a file of lines that add up.

Tested in tests/load/test_slices.py.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.core.load_settings import LoadSettings
from harness.stats.histogram import Histogram

_SLICES, _LONGEST, _SHORTEST = 240, 60.0, 0.1
"""Slices of a soak, and the most and the fewest seconds that one may last."""

NEVER_ENDED = 1e9
"""Stands in lines for the time of a request that failed, which is infinite."""

SLICES_SUFFIX = ".slices.jsonl"


@dataclass(frozen=True, slots=True)
class SliceGrid:
    """How a soak is cut: slices of `seconds`, each in `bins` equal parts."""

    seconds: float
    bins: int

    @property
    def bin_seconds(self) -> float:
        """How long a bin lasts."""
        return self.seconds / self.bins

    def find_bin(self, due: float) -> int:
        """The number of the bin of this time, counted from the start of the schedule."""
        return int(due / self.bin_seconds + 1e-9)


def make_grid(duration: float) -> SliceGrid:
    """The slices of a soak of so many seconds; bins last for at most a second."""
    seconds = min(_LONGEST, max(_SHORTEST, duration / _SLICES))
    return SliceGrid(seconds, math.ceil(seconds))


def get_slices_path(run_dir: Path, scenario: str) -> Path:
    """The file of a soak's slices in a run directory."""
    return run_dir / "load" / f"{scenario}{SLICES_SUFFIX}"


@dataclass(slots=True)
class _Slice:
    requests: int = 0
    failed: int = 0
    bad: int = 0
    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    histograms: dict[str, Histogram] = field(default_factory=dict)
    bins: dict[int, list[float]] = field(default_factory=dict)
    first: dict[int, tuple[float, float]] = field(default_factory=dict)


class SliceRecorder:
    """Counts the judged requests of one process of a soak by slices of the time at which they were due."""

    _MOST_TIMES = 1024

    def __init__(self, load: LoadSettings) -> None:
        self._grid = make_grid(load.duration)
        self._pause_ends = [end for _, end in load.idle_times]
        self._pending: dict[int, _Slice] = {}
        self._newest = self._taken = -1

    def add(
        self, due: float, times: dict[str, float | None], *, failed: bool, bad: bool, held_up: bool = False
    ) -> None:
        """Count a request: when it was due in the schedule, its times by metric in seconds, whether it was good, and
        whether the load generator held it up.
        """
        bin_number = self._grid.find_bin(due)
        i, place = divmod(bin_number, self._grid.bins)
        self._newest = max(self._newest, i)
        part = self._pending.setdefault(i, _Slice())
        part.requests += 1
        part.failed += failed
        part.bad += bad
        latency = times.get("latency")
        sums = part.bins.setdefault(place, [0, 0, 0.0, 0])
        sums[0] += 1
        sums[1] += failed
        sums[2] += 0.0 if failed or latency is None else latency
        sums[3] += held_up
        pause = sum(end <= due for end in self._pause_ends) - 1
        if pause >= 0 and due < part.first.get(pause, (math.inf, 0.0))[0]:
            part.first[pause] = due, NEVER_ENDED if failed or latency is None else latency
        if not failed:
            for metric, seconds in times.items():
                if seconds is not None:
                    part.times[metric].append(seconds)
                    if len(part.times[metric]) >= self._MOST_TIMES:
                        _count_times(part)

    def take_lines(self, *, everything: bool = False) -> list[dict[str, Any]]:
        """The lines of all requests since the last call that gave any; none before a slice has ended."""
        if not everything and self._newest <= self._taken:
            return []
        self._taken = self._newest
        lines, self._pending = [_make_line(i, part) for i, part in sorted(self._pending.items())], {}
        return lines


def _count_times(part: _Slice) -> None:
    for metric, values in part.times.items():
        part.histograms.setdefault(metric, Histogram()).add(values)
    part.times.clear()


def _make_line(i: int, part: _Slice) -> dict[str, Any]:
    _count_times(part)
    return {
        "slice": i,
        "requests": part.requests,
        "failed": part.failed,
        "bad": part.bad,
        "hist": {metric: histogram.to_sparse() for metric, histogram in part.histograms.items()},
        "bins": {str(place): sums for place, sums in sorted(part.bins.items())},
        "first": {str(pause): list(request) for pause, request in part.first.items()},
    }
