"""Whether a gauge that is read over a soak leaks: it goes on growing under load and does not come back when idle.

A plain test for a trend calls every cache that fills, and every peak of memory before its garbage is collected, a leak.
A leak is growth of the second half of the run, as strong as that of the first half, that one step does not describe
better, and of which a pause without load gives nothing back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.stats.change import estimate_change

_MOST_WINDOWS = 60
"""Windows into which the points of the second half are put: medians of equally many points."""
FEWEST_POINTS = 16
"""Points of the second half that a verdict needs."""
_GIVEN_BACK = 0.5
"""A gauge comes back in pauses if its idle level rises by less than this share of the rise under load."""
_UNDIMINISHED = 0.5
"""Growth goes on if the second half has at least this share of that of the first."""
_ENDS = 5
"""Points whose median is a level."""

Points = Sequence[tuple[float, float]]
GrowthKind = Literal["leak", "none", "returns", "slows", "step", "unclear", "short"]


@dataclass(frozen=True, slots=True)
class Growth:
    """What a gauge does over a soak, in its unit.

    `kind`: a `leak`; `none` (no growth by more than the limit in the second half); it `returns` in pauses; its growth
    `slows`; it is one `step`, as after a time of overload; `unclear`, where the data decide nothing; the run is too
    `short`. `first` and `second` are the growth of each half, `low` and `high` the bounds of the second. `idle` is by
    how much the level in pauses rose from the first to the last of them, None with fewer than two pauses.
    """

    kind: GrowthKind
    level: float = 0.0
    first: float = 0.0
    second: float = 0.0
    low: float = 0.0
    high: float = 0.0
    idle: float | None = None


def judge_growth(
    points: Points, idle_times: Sequence[tuple[float, float]], limit: float, loosened: float, alpha: float = 0.05
) -> Growth:
    """Judge a gauge by its `points` of time and value, in order; growth of the second half counts above `limit`.

    It is refuted where it is below `loosened`. The error of a `leak` is at most `alpha` where the gauge is noise about
    a level, and the slower the noise (up to a random walk) the wider are the bounds.
    """
    loaded = [point for point in points if not any(begin <= point[0] <= end for begin, end in idle_times)]
    half = len(loaded) // 2
    first, second = [value for _, value in loaded[:half]], [value for _, value in loaded[half:]]
    if len(second) < FEWEST_POINTS:
        return Growth("short")
    windows = [float(np.median(part)) for part in np.array_split(second, min(_MOST_WINDOWS, len(second)))]
    change = estimate_change(windows, alpha, 0.05)
    level = float(np.median(first[:_ENDS]))
    growth_first = float(np.median(first[-_ENDS:])) - level
    idle, rise = _measure_idle(points, loaded, idle_times)
    kind: GrowthKind = "unclear"
    if change.high < loosened:
        kind = "none"
    elif idle is not None and idle < _GIVEN_BACK * max(rise, limit):
        kind = "returns"
    elif change.low > limit:
        is_undiminished = change.trend >= _UNDIMINISHED * growth_first
        kind = "slows"
        if is_undiminished and change.is_step:
            kind = "step"  # before it and after it nothing grows
        elif is_undiminished:
            kind = "leak" if idle is not None else "unclear"
    return Growth(kind, level, growth_first, change.trend, change.low, change.high, idle)


def _measure_idle(
    points: Points, loaded: Points, idle_times: Sequence[tuple[float, float]]
) -> tuple[float | None, float]:
    """By how much the level at the end of pauses, and that under load before them, rises from the first to the last."""
    idle, before = [], []
    for begin, end in idle_times:
        inside = [value for time, value in points if begin <= time <= end]
        earlier = [value for time, value in loaded if time < begin]
        if inside and earlier:
            idle.append(float(np.median(inside[-max(1, len(inside) // 3) :])))
            before.append(float(np.median(earlier[-_ENDS:])))
    if len(idle) < 2:
        return None, 0.0
    return idle[-1] - idle[0], before[-1] - before[0]
