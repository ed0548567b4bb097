"""The reliability diagram: how often rows are right, by their confidence, and where a calibrated model's would be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from operator import itemgetter

from markupsafe import Markup

from harness.core.report import CheckRow
from harness.core.verdict import Slice

from ._format import format_count, format_number, is_drawable
from ._svg import Plot, Scale, draw_figure, draw_label, draw_path, draw_rule, make_element

RELIABILITY_CAPTION = (
    "Reliability: the share of right answers by the confidence that they were given with; the area of a point is its "
    "number of rows. Shaded: where 95 % of a calibrated model's points lie at this number of rows. Under the dashed "
    "line the model is over-confident."
)
_WIDTH, _HEIGHT = 420.0, 380.0
_PLOT = Plot(48.0, _WIDTH - 30.0, 16.0, _HEIGHT - 46.0)
_BIN = re.compile(r"confidence (\d\.\d{1,6})")
_LARGEST, _MOST_BINS = 7.0, 60


def list_bins(slices: Sequence[Slice]) -> list[tuple[float, Slice]]:
    """The slices by confidence, when they are the bins of a calibration (`confidence 0.912`) and can be drawn."""
    bins = []
    for part in slices[:_MOST_BINS]:
        match, (low, high) = _BIN.fullmatch(part.name), part.ci or (None, None)
        shares = (part.estimate, low, high)
        if match is None or part.n < 1 or float(match[1]) > 1 or not all(map(_is_share, shares)):
            return []
        bins.append((float(match[1]), part))
    return sorted(bins, key=itemgetter(0)) if len(bins) == len(slices) else []


def _is_share(value: float | None) -> bool:
    return is_drawable(value) and 0 <= value <= 1


def draw_reliability(row: CheckRow) -> Markup:
    """The bins as points, the null of a calibrated model as a band around the diagonal."""
    bins = list_bins(row.slices)
    if not bins:
        return Markup("")
    x, y = Scale(0.0, 1.0, _PLOT.left, _PLOT.right), Scale(0.0, 1.0, _PLOT.bottom, _PLOT.top)
    lower, upper, line, dots = [], [], [], []
    most, outside = max(part.n for _, part in bins), 0
    for confidence, part in bins:
        low, high = part.ci or (0.0, 1.0)
        share, low, high = part.estimate or 0.0, low or 0.0, high or 0.0
        outside += not low <= share <= high
        lower.append((x(confidence), y(low)))
        upper.append((x(confidence), y(high)))
        line.append((x(confidence), y(share)))
        radius = max(2.0, _LARGEST * (part.n / most) ** 0.5)
        dots.append(make_element("circle", cx=line[-1][0], cy=line[-1][1], r=round(radius, 1), cls="point"))
    ticks = [(x(share / 100), f"{share} %") for share in (0, 25, 50, 75, 100)]
    parts = [*_PLOT.draw_shares(y), *_PLOT.draw_ticks(ticks, "confidence")]
    parts += [draw_path([*upper, *reversed(lower)], "dkw", close=True), _draw_band_edges(lower, upper)]
    parts += [draw_rule(x(0.0), y(0.0), x(1.0), y(1.0), "asked-rule"), draw_path(line, "line"), *dots]
    parts.append(draw_label(_PLOT.left + 6, _PLOT.top + 10, "share right", cls="note"))
    rows = format_count(sum(part.n for _, part in bins), "row")
    description = f"{format_count(len(bins), 'bin')} of {rows}; {outside} outside the band of a calibrated model"
    if is_drawable(row.estimate):
        description += f"; ECE {format_number(row.estimate)}"
    title = f"Reliability: {row.objective or row.title}"
    return draw_figure(_WIDTH, _HEIGHT, title, description, *parts, cls="chart small")


def _draw_band_edges(lower: Sequence[tuple[float, float]], upper: Sequence[tuple[float, float]]) -> Markup:
    """A rule from each bin's low end to its high one: a band of one bin would not be seen."""
    drawn = Markup("")
    for (x, low), (_, high) in zip(lower, upper, strict=True):
        drawn += draw_rule(x, low, x, high, "null")
    return drawn
