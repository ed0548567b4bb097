"""The adversarial curve: robust accuracy over the rows that an attack was allowed to send for each input."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeGuard

from markupsafe import Markup

from harness.core.report import CheckRow
from harness.core.verdict import Slice

from ._format import format_count, format_integer, format_number, format_quantity, is_drawable
from ._svg import Plot, Scale, draw_figure, draw_label, draw_path, draw_rule, drop_crowded, make_element

CURVE_CAPTION = (
    "Robust accuracy over queries: the share of inputs that are still classified correctly after an attack has sent "
    "this many rows for each. Shaded: the one-sided bounds of each point."
)
_WIDTH, _HEIGHT = 700.0, 270.0
_PLOT = Plot(56.0, _WIDTH - 24.0, 18.0, _HEIGHT - 46.0)

_AFTER = re.compile(r"after (\d{1,9}) rows?")


def list_curve_points(slices: Sequence[Slice]) -> list[tuple[int, Slice]]:
    """The slices by rows sent, when they are a curve's (`after 20 rows`) and can be drawn; else nothing."""
    points = []
    for part in slices[:60]:
        match = _AFTER.fullmatch(part.name)
        if match is None or not _is_share(part.estimate):
            return []
        points.append((int(match[1]), part))
    if len(points) < 2 or len(points) < len(slices):
        return []
    return sorted(points, key=lambda point: point[0])


def draw_curve(row: CheckRow) -> Markup:
    """The estimates as a line, their bounds as a band, the limit and the tolerated one as lines; rows on a log axis."""
    points = list_curve_points(row.slices)
    if not points:
        return Markup("")
    x = Scale(1.0, points[-1][0] + 1.0, _PLOT.left, _PLOT.right, log=True)
    y = Scale(0.0, 1.0, _PLOT.bottom, _PLOT.top)
    line, lower, upper, dots = [], [], [], []
    for rows, part in points:
        low, high = part.ci or (None, None)
        at = x(rows + 1)
        lower.append((at, y(low if is_drawable(low) else 0.0)))
        upper.append((at, y(high if is_drawable(high) else 1.0)))
        line.append((at, y(part.estimate or 0.0)))
        dots.append(make_element("circle", cx=at, cy=line[-1][1], r=3, cls="point"))
    marks = drop_crowded([(x(rows + 1), format_integer(rows)) for rows, _ in points])
    parts = [*_PLOT.draw_shares(y), *_PLOT.draw_ticks(marks, "rows sent per input, log scale")]
    parts += [draw_path([*upper, *reversed(lower)], "dkw", close=True), draw_path(line, "line"), *dots]
    if row.limit_loosened != row.limit:
        parts += _draw_limit(y, row.limit_loosened, "tolerated", "loosened", 14)
    parts += _draw_limit(y, row.limit, "limit", "limit", -5)
    ends = []
    for rows, part in (points[0], points[-1]):
        ends.append(f"{format_quantity(part.estimate, '', 'share')} after {format_count(rows, 'row')}")
    title = f"Robust accuracy over queries: {row.objective or row.title}"
    return draw_figure(_WIDTH, _HEIGHT, title, ", ".join(ends), *parts, cls="chart mid")


def _draw_limit(y: Scale, limit: float | None, word: str, cls: str, below: float) -> list[Markup]:
    """A horizontal line with its label so many pixels below it."""
    if not _is_share(limit):
        return []
    text = draw_label(_PLOT.left + 6, y(limit) + below, f"{word} {format_number(limit * 100)} %", cls="limit-label")
    return [draw_rule(_PLOT.left, y(limit), _PLOT.right, y(limit), cls), text]


def _is_share(value: float | None) -> TypeGuard[float]:
    return value is not None and 0 <= value <= 1
