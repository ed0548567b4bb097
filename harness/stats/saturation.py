"""Whether a load may end early: its queue only grows, and what it has shown is certain whatever the rest would show."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

FEWEST_LOOKS = 6
"""Looks at the requests in flight that show whether they only become more."""


def measure_growth(looks: Sequence[tuple[float, float]]) -> float:
    """By how many requests a second a queue grows, by its length at times (s) in rising order; 0 unless it only grows.

    It does where in the last third of the looks it was never as short as it ever was before. That is the slope of a
    straight line, and decides nothing by itself: a queue near its capacity may do so for a while.
    """
    if len(looks) < FEWEST_LOOKS:
        return 0.0
    times, lengths = np.asarray(looks, float).T
    begin = len(looks) - len(looks) // 3
    if lengths[begin:].min() <= lengths[:begin].max():
        return 0.0
    centred = times - times.mean()
    return float(centred @ lengths / (centred @ centred))
