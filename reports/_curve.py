"""The adversarial curves: robust accuracy over the rows that an attack sent for each input, and over the distance."""

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
DISTANCE_CAPTION = (
    "Robust accuracy over distance: the share of inputs for which no wrong answer was found within this distance, in "
    "the measure of the attack. It is at most so high: nearer ones may exist. Shaded: the one-sided bounds."
)
_WIDTH, _HEIGHT = 700.0, 270.0
_PLOT = Plot(56.0, _WIDTH - 24.0, 18.0, _HEIGHT - 46.0)

_AFTER, _WITHIN = re.compile(r"after (\d{1,9}) rows?"), re.compile(r"within (\d[\d.]{0,12}(?:e[-+]?\d{1,2})?)")
_MOST_POINTS = 120
CurvePoint = tuple[float, Slice]


def list_curve_points(slices: Sequence[Slice]) -> tuple[list[CurvePoint], list[CurvePoint]]:
    """The points of both curves: by rows sent (`after 20 rows`), and by distance (`within 0.1`).

    Nothing where one of the slices is neither, or cannot be drawn.
    """
    curves: tuple[list[CurvePoint], list[CurvePoint]] = ([], [])
    for part in slices[:_MOST_POINTS]:
        matches = _AFTER.fullmatch(part.name), _WITHIN.fullmatch(part.name)
        if not any(matches) or not _is_share(part.estimate):
            return [], []
        for points, match in zip(curves, matches, strict=True):
            if match is not None:
                points.append((float(match[1]), part))
    if len(slices) > _MOST_POINTS:
        return [], []
    for points in curves:
        points.sort(key=lambda point: point[0])
        if len(points) < 2:
            points.clear()
    return curves


def draw_curve(row: CheckRow) -> Markup:
    """Robust accuracy over the rows sent, on a log axis."""
    points = list_curve_points(row.slices)[0]
    if not points:
        return Markup("")
    x = Scale(1.0, points[-1][0] + 1.0, _PLOT.left, _PLOT.right, log=True)
    marks = [(x(rows + 1), format_integer(int(rows))) for rows, _ in points]
    ends = [f"after {format_count(int(rows), 'row')}" for rows, _ in (points[0], points[-1])]
    return _draw(row, points, ("Robust accuracy over queries", "rows sent per input, log scale"), marks, ends)


def draw_distances(row: CheckRow) -> Markup:
    """Robust accuracy over the distance."""
    points = list_curve_points(row.slices)[1]
    if not points or points[-1][0] <= 0:
        return Markup("")
    x = Scale(0.0, points[-1][0], _PLOT.left, _PLOT.right)
    marks = [(x(distance), format_number(distance)) for distance, _ in points]
    ends = [f"within {format_number(distance)}" for distance, _ in (points[0], points[-1])]
    return _draw(row, points, ("Robust accuracy over distance", "distance from the input"), marks, ends)


def _draw(
    row: CheckRow,
    points: Sequence[CurvePoint],
    words: tuple[str, str],
    marks: list[tuple[float, str]],
    ends: Sequence[str],
) -> Markup:
    """The estimates as a line, their bounds as a band, the limit and the tolerated one as lines.

    `words` are the title and the name of the axis, `marks` the points' pixels from the left and their labels.
    """
    y = Scale(0.0, 1.0, _PLOT.bottom, _PLOT.top)
    line, lower, upper, dots = [], [], [], []
    for (at, _), (_, part) in zip(marks, points, strict=True):
        low, high = part.ci or (None, None)
        lower.append((at, y(low if is_drawable(low) else 0.0)))
        upper.append((at, y(high if is_drawable(high) else 1.0)))
        line.append((at, y(part.estimate or 0.0)))
        dots.append(make_element("circle", cx=at, cy=line[-1][1], r=3, cls="point"))
    parts = [*_PLOT.draw_shares(y), *_PLOT.draw_ticks(drop_crowded(marks), words[1])]
    parts += [draw_path([*upper, *reversed(lower)], "dkw", close=True), draw_path(line, "line"), *dots]
    if row.limit_loosened != row.limit:
        parts += _draw_limit(y, row.limit_loosened, "tolerated", "loosened", 14)
    parts += _draw_limit(y, row.limit, "limit", "limit", -5)
    shown = []
    for end, (_, part) in zip(ends, (points[0], points[-1]), strict=True):
        shown.append(f"{format_quantity(part.estimate, '', 'share')} {end}")
    title = f"{words[0]}: {row.objective or row.title}"
    return draw_figure(_WIDTH, _HEIGHT, title, ", ".join(shown), *parts, cls="chart mid")


def _draw_limit(y: Scale, limit: float | None, word: str, cls: str, below: float) -> list[Markup]:
    """A horizontal line with its label so many pixels below it."""
    if not _is_share(limit):
        return []
    text = draw_label(_PLOT.left + 6, y(limit) + below, f"{word} {format_number(limit * 100)} %", cls="limit-label")
    return [draw_rule(_PLOT.left, y(limit), _PLOT.right, y(limit), cls), text]


def _is_share(value: float | None) -> TypeGuard[float]:
    return value is not None and 0 <= value <= 1
