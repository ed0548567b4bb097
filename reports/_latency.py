"""Latency charts of one distribution: the cumulative share, and the percentile spectrum with its blind region."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass, replace

from markupsafe import Markup

from harness.core.report import Distribution

from . import _svg
from ._format import format_count, format_number, format_quantity
from ._svg import Plot, Point, Scale

_WIDTH, _HEIGHT = 480.0, 290.0
_LEFT, _RIGHT, _TOP, BOTTOM = 58.0, _WIDTH - 22.0, 22.0, _HEIGHT - 44.0
_PLOT = Plot(_LEFT, _RIGHT, _TOP, BOTTOM)
_FEWEST = 10
"""Samples that must lie beyond a percentile before it is reliable: where fewer do, the chart is hatched."""

_ORDER = ("latency", "ttft", "inter_token")
_WORDS = {"ttft": "time to first token (ttft)", "inter_token": "gap between chunks (inter_token)"}

QUANTILES = (0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999)


@dataclass(frozen=True, slots=True)
class Cumulative:
    """A distribution as points: `below[i]` samples are at most `values[i]`, in `unit`."""

    metric: str
    unit: str
    low: float
    values: tuple[float, ...]
    below: tuple[int, ...]
    limits: tuple[float, ...]
    suite: str = ""
    source: str = ""
    run: str = ""
    baseline: Cumulative | None = None

    @property
    def name(self) -> str:
        """`latency of single requests`, `time to first token (ttft) under load, of the judged requests`."""
        place = f"under {self.suite}" if self.suite else "of single requests"
        return f"{_WORDS.get(self.metric, self.metric)} {place}{f', of {self.source}' if self.source else ''}"

    @property
    def n(self) -> int:
        """Samples in all."""
        return self.below[-1]

    def quantile(self, q: float) -> float:
        """The upper bound of the bucket that holds this quantile."""
        return self.values[min(bisect_left(self.below, q * self.n), len(self.values) - 1)]

    def format_value(self, value: float) -> str:
        """A value with the unit."""
        return format_quantity(value, self.unit)


def rank_distribution(distribution: Distribution) -> tuple[bool, int]:
    """Those of a load first, whole latencies before their parts."""
    return not distribution.suite, _ORDER.index(distribution.metric) if distribution.metric in _ORDER else len(_ORDER)


def accumulate_counts(distribution: Distribution) -> Cumulative | None:
    """The distribution added up without its empty ends; None when it holds nothing that can be drawn."""
    bounds, total = distribution.bounds, 0
    low = 0.0
    values: list[float] = []
    below: list[int] = []
    for start, end, n in zip(bounds, bounds[1:], distribution.counts, strict=False):
        if n > 0 and 0 < end < 1e15:
            if not values:
                low = start if end / 1000 < start < end else end / 2
            total += n
            values.append(end)
            below.append(total)
    if not values:
        return None
    limits = tuple(limit for limit in distribution.limits if 0 < limit < 1e15)
    return Cumulative(
        distribution.metric,
        distribution.unit,
        low,
        tuple(values),
        tuple(below),
        limits,
        distribution.suite,
        distribution.source,
        baseline=_accumulate_baseline(distribution),
    )


def _accumulate_baseline(distribution: Distribution) -> Cumulative | None:
    other = distribution.baseline
    if other is None:
        return None
    data = accumulate_counts(replace(distribution, bounds=other.bounds, counts=other.counts, limits=(), baseline=None))
    return data and replace(data, run=other.run)


def draw_cdf(data: Cumulative) -> Markup:
    """The share of samples at or under each value, with the 95 % Dvoretzky–Kiefer–Wolfowitz band."""
    x = _scale_values(data, _LEFT, _RIGHT)
    y = Scale(0.0, 1.0, BOTTOM, _TOP)
    epsilon = math.sqrt(math.log(2 / 0.05) / (2 * data.n))
    upper, lower = [], []
    for value, below in zip(data.values, data.below, strict=True):
        share = below / data.n
        upper.append((x(value), y(share + epsilon)))
        lower.append((x(value), y(share - epsilon)))
    unreliable = x(data.quantile(1 - _FEWEST / data.n)) if data.n > _FEWEST else _LEFT
    ticks = [(x(value), data.format_value(value)) for value in _svg.choose_log_ticks(x, 7)]
    limits = [(x(limit), f"limit {data.format_value(limit)}") for limit in sorted(data.limits)[:20]]
    band = [*_thin_out(upper), *_thin_out(lower[::-1])]
    parts = [
        *_PLOT.draw_shares(y),
        *_PLOT.draw_ticks(ticks, "time, log scale" if data.unit == "s" else f"{data.metric}, log scale"),
    ]
    parts.append(_svg.draw_box(unreliable, _TOP, _RIGHT - unreliable, BOTTOM - _TOP, "blind"))
    parts += [
        _svg.draw_path(band, "dkw", close=True),
        *(_draw_baseline(_trace_shares(data.baseline, x, y)) if data.baseline else ()),
        _svg.draw_path(_thin_out(_trace_shares(data, x, y)), "line"),
        *_PLOT.draw_limits(limits),
    ]
    shares = [f"{q:.0%} at most {data.format_value(data.quantile(q))}" for q in (0.5, 0.9, 0.99)]
    shares += [text for _, text in limits]
    shares += _describe_baseline(data, 0.5, 0.9, 0.99)
    title = f"{data.name}: cumulative share of {format_count(data.n, 'sample')}"
    return _svg.draw_figure(_WIDTH, _HEIGHT, title, ", ".join(shares), *parts, cls="chart small")


def draw_spectrum(data: Cumulative) -> Markup:
    """The value at each percentile, the percentiles on a log(1-q) axis, hatched where too few samples lie beyond."""
    decades = max(2.0, math.log10(data.n))
    x = Scale(0.0, decades, _LEFT, _RIGHT)
    y = _scale_values(data, BOTTOM, _TOP)
    unreliable = x(max(0.0, math.log10(data.n / _FEWEST)))
    parts = _PLOT.draw_rows((y(value), data.format_value(value)) for value in _svg.choose_log_ticks(y, 7))
    ticks = []
    for q in (0.0, *QUANTILES, 0.99999, 0.999999):
        if -math.log10(1 - q) <= decades:
            ticks.append((x(-math.log10(1 - q)), _name_percentile(q)))
    parts += _PLOT.draw_ticks(_svg.drop_crowded(ticks), "percentile")
    parts.append(_svg.draw_box(unreliable, _TOP, _RIGHT - unreliable, BOTTOM - _TOP, "blind"))
    if _RIGHT - unreliable > 150:
        parts.append(_svg.draw_label(_RIGHT - 6, BOTTOM - 8, f"under {_FEWEST} samples beyond", "end", "note"))
    if data.baseline:
        parts += _draw_baseline(_trace_values(data.baseline, x, y))
    parts.append(_svg.draw_path(_thin_out(_trace_values(data, x, y)), "line"))
    for limit in data.limits:
        parts.append(_svg.draw_rule(_LEFT, y(limit), _RIGHT, y(limit), "limit"))
        parts.append(_svg.draw_label(_LEFT + 6, y(limit) - 5, f"limit {data.format_value(limit)}", cls="limit-label"))
    values = [f"{_name_percentile(q)} {data.format_value(data.quantile(q))}" for q in (0.5, 0.99, 0.999)]
    values += _describe_baseline(data, 0.5, 0.99, 0.999)
    title = f"{data.name}: percentile spectrum"
    return _svg.draw_figure(_WIDTH, _HEIGHT, title, ", ".join(values), *parts, cls="chart small")


def _trace_shares(data: Cumulative, x: Scale, y: Scale) -> list[Point]:
    """The share at each value; linear inside a bucket, since where in it the samples lie is not known."""
    line = [(x(data.low), y(0.0))]
    for value, below in zip(data.values, data.below, strict=True):
        line.append((x(value), y(below / data.n)))
    return [*line, (x.end, y(1.0))]


def _trace_values(data: Cumulative, x: Scale, y: Scale) -> list[Point]:
    """The value at each percentile, as steps; `x` has the decades of 1/(1-q)."""
    line = [(x.start, y(data.low))]
    for value, below in zip(data.values, data.below, strict=True):
        at = x(math.log10(data.n) if below == data.n else -math.log10(1 - below / data.n))
        line += [(line[-1][0], y(value)), (at, y(value))]
    return line


def _draw_baseline(points: list[Point]) -> list[Markup]:
    return [_svg.draw_path(_thin_out(points), "line other")]


def _describe_baseline(data: Cumulative, *quantiles: float) -> list[str]:
    if data.baseline is None:
        return []
    values = [f"{_name_percentile(q)} {data.format_value(data.baseline.quantile(q))}" for q in quantiles]
    return [f"baseline: {', '.join(values)}"]


def list_percentiles(data: Cumulative) -> list[tuple[str, str, int, str]]:
    """Percentile, value in words, samples beyond it, the baseline's value: what both charts show."""
    rows, other = [], data.baseline
    for q in QUANTILES:
        value, theirs = (_format_most(side, q) for side in (data, other))
        rows.append((_name_percentile(q), value, round(data.n * (1 - q)), theirs))
    return [*rows, ("max", _format_most(data, 1.0), 0, _format_most(other, 1.0))]


def _format_most(data: Cumulative | None, q: float) -> str:
    return "" if data is None else f"≤ {data.format_value(data.quantile(q))}"


def _name_percentile(q: float) -> str:
    return f"p{format_number(q * 100, 7)}"


def _scale_values(data: Cumulative, start: float, end: float) -> Scale:
    figures = [data.low, data.values[-1], *data.limits]
    if data.baseline:
        figures += [data.baseline.low, data.baseline.values[-1]]
    return _svg.make_log_scale(min(figures), max(figures), start, end)


def _thin_out(points: list[Point]) -> list[Point]:
    """The points without those nearer than half a pixel to the one before; both ends stay."""
    thinned = points[:1]
    for x, y in points[1:-1]:
        if abs(x - thinned[-1][0]) + abs(y - thinned[-1][1]) >= 0.5:
            thinned.append((x, y))
    return [*thinned, *points[-1:]]
