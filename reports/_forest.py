"""The forest plot: a line for each slice with its estimate and bounds, against the limit and the estimate of all rows.

Tested in tests/reports/test_report_charts.py.
"""

from __future__ import annotations

from dataclasses import replace

from markupsafe import Markup

from harness.core.report import CheckRow
from harness.core.verdict import Slice
from harness.core.visible_text import cut_text, fold_line

from ._bars import draw_interval, fit_scale
from ._format import format_count, format_integer, is_drawable
from ._svg import Plot, Scale, choose_ticks, draw_figure, draw_label, draw_rule, drop_crowded
from ._view import format_bounds, format_figure

FOREST_CAPTION = (
    "Each line is a slice: its estimate and its bounds, the worst first. Solid: the limit. Fine dashes: the limit with "
    "its tolerance. Long dashes: the estimate of all rows."
)
FOREST_SLICES = 40
_WIDTH, _LINE, _TOP = 700.0, 22.0, 26.0
_LEFT, _RIGHT = 210.0, _WIDTH - 70.0
_LABEL = 30
"""Letters of a slice's name that fit on the left."""


def draw_forest(row: CheckRow) -> Markup:
    """The slices that have an estimate, at most `FOREST_SLICES` of them, the worst.

    Empty where there are none, and where a single one is what the row itself states.
    """
    slices = [part for part in row.slices if is_drawable(part.estimate)]
    slices = sorted(slices, key=lambda part: part.estimate or 0.0, reverse=row.direction != ">=")[:FOREST_SLICES]
    if not slices or (len(slices) == 1 and slices[0].estimate == row.estimate):
        return Markup("")
    lines = [replace(row, estimate=part.estimate, ci=part.ci, baseline=None) for part in slices]
    fitted = fit_scale([*lines, replace(row, baseline=None)])
    x = Scale(fitted.low, fitted.high, _LEFT, _RIGHT)
    plot = Plot(_LEFT, _RIGHT, _TOP, _TOP + _LINE * len(slices))
    ticks = [(x(value), format_figure(row, value)) for value in choose_ticks(x.low, x.high)]
    parts = [draw_rule(_LEFT, plot.bottom, _RIGHT, plot.bottom, "axis"), *plot.draw_ticks(drop_crowded(ticks, 52), "")]
    marks = ((row.estimate, "asked-rule"), (row.limit_loosened, "loosened"), (row.limit, "limit"))
    for value, cls in marks:
        if is_drawable(value):
            parts.append(draw_rule(x(value), _TOP - 6, x(value), plot.bottom, cls))
    parts.append(draw_label(_WIDTH - 4, _TOP - 10, "n", "end", "note"))
    for place, (part, line) in enumerate(zip(slices, lines, strict=True)):
        y = _TOP + _LINE * (place + 0.5)
        parts.append(draw_label(_LEFT - 12, y + 4, cut_text(fold_line(part.name, 120), _LABEL), "end", "slice"))
        parts += draw_interval(line, "", x, y)
        parts.append(draw_label(_WIDTH - 4, y + 4, format_integer(part.n), "end"))
    title = f"{format_count(len(slices), 'slice')} of {row.objective or row.title}"
    return draw_figure(_WIDTH, plot.bottom + 28, title, _describe(row, slices[0], slices[-1]), *parts, cls="chart mid")


def _describe(row: CheckRow, worst: Slice, best: Slice) -> str:
    parts = []
    for word, part in (("worst", worst), ("best", best)):
        bounds = format_bounds(replace(row, ci=part.ci))
        parts.append(f"{word}: {fold_line(part.name, 60)} {format_figure(row, part.estimate)}, bounds {bounds}")
    return ", ".join(parts)
