"""Whether events come periodically, judged by the gaps between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

FEWEST_EVENTS = 6
"""Events below which nothing is called periodic."""
_MOST_EVENTS = 64
_SIMULATED, _SEED = 4000, 20_240_229
_KEPT = 0.8
"""The share of the gaps that is looked at, the most regular ones: an event may be missing, another come between."""
_MOST_STEPS = 3
"""Periods that a gap may have, where events are missing."""

_Rows = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Period:
    """Events come every `seconds`; as regular ones come by chance with probability `p_value`, if each is independent
    of the others.
    """

    seconds: float
    p_value: float


def find_period(begins: Sequence[float]) -> Period | None:
    """The period of events by their times, in order; None for too few of them.

    The statistic is by how much gaps differ from whole multiples of their median, at most `_MOST_STEPS` of them,
    without the least regular fifth. Its distribution under events that are independent and uniform in time is
    simulated.
    """
    times = np.asarray(begins[:_MOST_EVENTS], float)
    if len(times) < FEWEST_EVENTS:
        return None
    irregular, period = _measure(np.diff(times)[None, :])
    null = _simulate(len(times))
    at_most = int(np.searchsorted(null, irregular[0], side="right"))
    return Period(float(period[0]), (at_most + 1) / (len(null) + 1))


def _measure(gaps: _Rows) -> tuple[_Rows, _Rows]:
    """How irregular each row of gaps is (0: equal), and its period."""
    median = np.median(gaps, axis=1, keepdims=True)
    ratios = gaps / np.maximum(median, 1e-12)
    steps = np.clip(np.rint(ratios), 1, _MOST_STEPS)
    deviations = np.sort(np.abs(ratios - steps), axis=1)
    count = max(3, int(_KEPT * gaps.shape[1]))
    return deviations[:, :count].mean(axis=1), np.median(gaps / steps, axis=1)


@lru_cache(maxsize=_MOST_EVENTS)
def _simulate(count: int) -> _Rows:
    random = np.random.default_rng(_SEED + count)
    times = np.sort(random.random((_SIMULATED, count)), axis=1)
    return np.sort(_measure(np.diff(times, axis=1))[0])
