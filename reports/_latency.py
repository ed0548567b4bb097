"""Latency charts of one distribution: the cumulative share, and the percentile spectrum with its blind region."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate

from markupsafe import Markup

from harness.core.report import Distribution

from ._format import count, number, quantity
from ._svg import Plot, Point, Scale, box, figure, label, log_scale, log_ticks, path, rule

_WIDTH, _HEIGHT = 940.0, 320.0
_LEFT, _RIGHT, _TOP, BOTTOM = 64.0, _WIDTH - 32.0, 22.0, _HEIGHT - 44.0
_PLOT = Plot(_LEFT, _RIGHT, _TOP, BOTTOM)
_FEWEST = 10
"""Samples that must lie beyond a percentile before it says anything: fewer, and its region is hatched."""

_WORDS = {"ttft": "time to first token (ttft)", "inter_token": "inter-token latency"}

QUANTILES = (0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999)


@dataclass(frozen=True, slots=True)
class Cumulative:
    """A distribution as points (`values[i]`, `below[i]`): so many samples are at most this value, in `unit`."""

    metric: str
    unit: str
    low: float
    values: tuple[float, ...]
    below: tuple[int, ...]
    limits: tuple[float, ...]
    suite: str = ""

    @property
    def name(self) -> str:
        """`latency of single requests`, `time to first token (ttft) under load`."""
        metric = _WORDS.get(self.metric, self.metric)
        return f"{metric} {f'under {self.suite}' if self.suite else 'of single requests'}"

    @property
    def n(self) -> int:
        """Samples in all."""
        return self.below[-1]

    def quantile(self, q: float) -> float:
        """The upper bound of the bucket that holds this quantile."""
        return next((v for v, k in zip(self.values, self.below, strict=True) if k >= q * self.n), self.values[-1])


def cumulative(found: Distribution) -> Cumulative | None:
    """The distribution added up without its empty ends; None when it holds nothing that can be drawn."""
    buckets = [
        (low, high, n)
        for low, high, n in zip(found.bounds, found.bounds[1:], found.counts, strict=False)
        if n > 0 and math.isfinite(high) and 0 < high < 1e15
    ]
    if not buckets:
        return None
    first, top, _ = buckets[0]
    low = first if math.isfinite(first) and top / 1000 < first < top else top / 2
    limits = tuple(limit for limit in found.limits if math.isfinite(limit) and 0 < limit < 1e15)
    values, below = tuple(high for _, high, _ in buckets), tuple(accumulate(n for _, _, n in buckets))
    return Cumulative(found.metric, found.unit, low, values, below, limits, found.suite)


def cdf(data: Cumulative) -> Markup:
    """The share of samples at or under each value, with the 95 % Dvoretzky–Kiefer–Wolfowitz band."""
    x = _values(data, _LEFT, _RIGHT)
    y = Scale(0.0, 1.0, BOTTOM, _TOP)
    epsilon = math.sqrt(math.log(2 / 0.05) / (2 * data.n))
    shares = [(v, k / data.n) for v, k in zip(data.values, data.below, strict=True)]
    # Linear inside a bucket: where in it the samples lie is not known.
    steps = [(x(data.low), y(0.0)), *((x(v), y(share)) for v, share in shares), (x.end, y(1.0))]
    upper = [(x(v), y(min(1.0, share + epsilon))) for v, share in shares]
    lower = [(x(v), y(max(0.0, share - epsilon))) for v, share in reversed(shares)]
    blind = x(data.quantile(1 - _FEWEST / data.n)) if data.n > _FEWEST else _LEFT
    parts = _PLOT.across([(y(share / 100), f"{share} %") for share in (0, 25, 50, 75, 100)])
    parts += _PLOT.up([(x(value), quantity(value, data.unit)) for value in log_ticks(x)], f"{data.name}, log scale")
    parts.append(box(blind, _TOP, _RIGHT - blind, BOTTOM - _TOP, "blind"))
    parts += [path(_thinned(upper) + _thinned(lower), "dkw", close=True), path(_thinned(steps), "line")]
    limits = sorted(data.limits)[:20]
    parts += _PLOT.limits([(x(limit), f"limit {quantity(limit, data.unit)}") for limit in limits])
    said = ", ".join(f"{q:.0%} at most {quantity(data.quantile(q), data.unit)}" for q in (0.5, 0.9, 0.99))
    said += "".join(f", limit {quantity(limit, data.unit)}" for limit in limits)
    return figure(_WIDTH, _HEIGHT, f"{data.name}: cumulative share of {count(data.n, 'sample')}", said, *parts)


def spectrum(data: Cumulative) -> Markup:
    """The value at each percentile, the percentiles on a log(1-q) axis, hatched where too few samples lie beyond."""
    decades = max(2.0, math.log10(data.n))
    x = Scale(0.0, decades, _LEFT, _RIGHT)
    y = _values(data, BOTTOM, _TOP)
    blind = x(max(0.0, math.log10(data.n / _FEWEST)))
    points = [(x.start, y(data.low))]
    for value, below in zip(data.values, data.below, strict=True):
        at = x(decades if below == data.n else -math.log10(1 - below / data.n))
        points += [(points[-1][0], y(value)), (at, y(value))]
    parts = _PLOT.across([(y(value), quantity(value, data.unit)) for value in log_ticks(y, 7)])
    shown = [(q, -math.log10(1 - q)) for q in (0.0, *QUANTILES, 0.99999, 0.999999)]
    parts += _PLOT.up([(x(d), f"p{number(q * 100, 7)}") for q, d in shown if d <= decades], "percentile")
    parts.append(box(blind, _TOP, _RIGHT - blind, BOTTOM - _TOP, "blind"))
    if _RIGHT - blind > 150:
        parts.append(label(_RIGHT - 6, BOTTOM - 8, f"under {_FEWEST} samples beyond", "end", "note"))
    parts.append(path(_thinned(points), "line"))
    for limit in data.limits:
        parts.append(rule(_LEFT, y(limit), _RIGHT, y(limit), "limit"))
        parts.append(label(_LEFT + 6, y(limit) - 5, f"limit {quantity(limit, data.unit)}", cls="limit-label"))
    said = ", ".join(f"p{q * 100:g} {quantity(data.quantile(q), data.unit)}" for q in (0.5, 0.99, 0.999))
    return figure(_WIDTH, _HEIGHT, f"{data.name}: percentile spectrum", said, *parts)


def table(data: Cumulative) -> list[tuple[str, str, int]]:
    """Percentile, value in words, samples beyond it: what both charts show."""
    rows = [(f"p{number(q * 100, 7)}", q) for q in QUANTILES]
    found = [(name, f"≤ {quantity(data.quantile(q), data.unit)}", round(data.n * (1 - q))) for name, q in rows]
    return [*found, ("max", f"≤ {quantity(data.values[-1], data.unit)}", 0)]


def _values(data: Cumulative, start: float, end: float) -> Scale:
    figures = (data.low, *data.values[-1:], *data.limits)
    return log_scale(min(figures), max(figures), start, end)


def _thinned(points: list[Point]) -> list[Point]:
    """The points without those nearer than half a pixel to the last kept one."""
    kept = points[:1]
    for point in points[1:-1]:
        if abs(point[0] - kept[-1][0]) + abs(point[1] - kept[-1][1]) >= 0.5:
            kept.append(point)
    return [*kept, *points[-1:]]
