"""Flow: what the order and the times of the answers of a load show of how the service queues. Pure.

Tested in tests/load/test_flow.py.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from harness.core.flow import Flow, LevelCount

MOST_KEPT = 10_000
"""Requests of which the flow is known: the last ones of a load."""

_ALIKE = 0.8
"""A request passed another unfairly only if it is at least this share of its size, in both directions."""
_FEWEST_PASSED, _PASSED_PER_WAITING = 20, 16
"""A request is passed over if so many later ones are answered before it, and so many for each that was in flight when
it was sent. Where service times vary like an exponential distribution, one in nine million is (e^-16), and where a
third of the requests are four times slower than the others, one in 3,000.
"""
_SILENCE_RATIO, _USUAL, _SHORTEST_SILENCE, _FEWEST_WAITING = 4.0, 0.1, 0.05, 3
"""A silence: nobody was served for so many times the time that this share of the small requests take, and for so many
seconds, although so many small requests waited.
"""
_MOMENT, _FEWEST_SERVED = 1e-9, 2
FIRST_SERVED = 2
"""After a silence the large request that blocked the others is among so many first ones to be served."""
_LARGE = 0.9
"""The quantile of the sizes of requests from which one is large."""

_Floats = NDArray[np.float64]


@dataclass(slots=True)
class FlowLog:
    """Keeps of each request when it was sent, first answered and ended, whether it succeeded, its size and that of its
    answer, in bytes. A streamed answer counts as served with its first token.
    """

    _rows: deque[tuple[float, float, float, int, int]] = field(default_factory=lambda: deque(maxlen=MOST_KEPT))
    refused: int = 0

    def add(self, sent: float, served: float | None, ended: float, size: int, answer_size: int) -> None:
        """Note one request, in seconds of the run; `served` is None for one that failed."""
        self._rows.append((sent, math.inf if served is None else served, ended, size, answer_size))

    def summarise(self, begin: float, end: float) -> Flow:
        """The flow of a schedule between two times."""
        rows = np.array(sorted(self._rows)).reshape(-1, 5)
        sent, served, ended = rows.T[:3]
        is_served = np.isfinite(served)
        if is_served.sum() < _FEWEST_SERVED:
            return Flow(refused=self.refused)
        passed = _count_passed(rows[is_served])
        in_flight = _count_in_flight(sent, ended, sent[is_served])
        is_over = passed >= np.maximum(_FEWEST_PASSED, _PASSED_PER_WAITING * in_flight)
        silences, after_large, silent = _find_silences(rows)
        halfway, at_end = _count_in_flight(sent, ended, np.array([(begin + end) / 2, end]))
        is_late = is_served & (ended > (begin + end) / 2) & (ended <= end)
        return Flow(
            n=int(is_served.sum()),
            passed_over=int(is_over.sum()),
            most_passed=int(passed[is_over].max(initial=0)),
            silences=silences,
            silent_seconds=silent,
            after_large=after_large,
            large=float(_find_large(rows).mean()),
            levels=_count_levels(rows),
            halfway=int(halfway),
            at_end=int(at_end),
            answers_per_second=float(is_late.sum() / max(1e-9, (end - begin) / 2)),
            refused=self.refused,
        )


def _count_passed(rows: _Floats) -> _Floats:
    """For each request the later ones, of its size at least, that were served before it."""
    sent, served, _, size, answer_size = rows.T
    passed = np.zeros(len(sent))
    for i, last in enumerate(np.searchsorted(sent, served)):
        later = slice(i + 1, last)
        is_alike = (size[later] >= _ALIKE * size[i]) & (answer_size[later] >= _ALIKE * answer_size[i])
        passed[i] = np.count_nonzero(is_alike & (served[later] < served[i]))
    return passed


def _count_in_flight(begins: _Floats, ends: _Floats, at: _Floats) -> _Floats:
    """How many requests are under way at these times, those that begin then included. `begins` is sorted."""
    count = np.searchsorted(begins, at, "right") - np.searchsorted(np.sort(ends), at, "right")
    return count.astype(np.float64)


def _find_large(rows: _Floats) -> NDArray[np.bool_]:
    """Which requests are large: of their bytes and those of their answer."""
    size = rows[:, 3] + rows[:, 4]
    return size > np.quantile(size, _LARGE)


def _find_silences(rows: _Floats) -> tuple[int, int, float]:
    """The times in which nobody was served although requests waited that are not large: how many, after how many of
    them a large request was among the first `FIRST_SERVED` to be served, and their mean length.
    """
    sent, served, ended = rows.T[:3]
    is_served, is_large = np.isfinite(served), _find_large(rows)
    answered = np.where(is_served, served, ended)
    order = np.argsort(answered)
    times = answered[order]
    small = ~is_large & is_served
    if not small.any():
        return 0, 0, 0.0
    usual = float(np.quantile((served - sent)[small], _USUAL))
    places = np.flatnonzero(np.diff(times) > max(_SHORTEST_SILENCE, _SILENCE_RATIO * usual))
    begins, ends = times[places], times[places + 1]
    is_busy = _count_in_flight(sent[small], answered[small], ends - _MOMENT) >= _FEWEST_WAITING
    is_busy &= _count_in_flight(sent, answered, (begins + ends) / 2) >= 1  # what is sent at its end has not waited
    if not is_busy.any():
        return 0, 0, 0.0
    first, second = (order[(places[is_busy] + i).clip(max=len(order) - 1)] for i in (1, FIRST_SERVED))
    return len(first), int((is_large[first] | is_large[second]).sum()), float((ends - begins)[is_busy].mean())


def _count_levels(rows: _Floats) -> tuple[LevelCount, ...]:
    """The time at each level of requests in flight, and the successes that ended at it, in ranges that double: 1, 2,
    3 to 4, 5 to 8, ...
    """
    times = np.concatenate([rows[:, 0], rows[:, 2]])
    steps = np.concatenate([np.ones(len(rows)), -np.ones(len(rows))])
    successes = np.concatenate([np.zeros(len(rows)), np.isfinite(rows[:, 1])])
    order = np.argsort(times, kind="stable")
    times, steps, successes = times[order], steps[order], successes[order]
    before = np.cumsum(steps) - steps
    seconds = np.diff(times, prepend=times[0])
    place = np.ceil(np.log2(np.maximum(before, 1))).astype(int)
    counts = []
    for number in range(int(place.max()) + 1):
        is_here = (place == number) & (before > 0)
        low, high = 2**number // 2 + 1, 2**number
        counts.append(LevelCount(low, high, float(seconds[is_here].sum()), int(successes[is_here].sum())))
    return tuple(counts)
