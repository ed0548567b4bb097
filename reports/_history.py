"""The history of a service in a report: how earlier runs ended, and each figure from run to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from harness.core.report import CheckRow, FigureTrend, Report
from harness.core.visible_text import fold_line

from ._format import format_count, format_direction, format_quantity, is_drawable
from ._svg import Point, Scale, draw_figure, draw_path, make_element, split_runs

_WIDTH, _HEIGHT, _EDGE = 240.0, 40.0, 6.0


@dataclass(frozen=True, slots=True)
class TrendRow:
    """A figure from run to run: the lowest and the highest, that of this run, and the picture."""

    title: str
    lowest: str
    highest: str
    latest: str
    picture: Markup


def list_trend_rows(report: Report) -> list[TrendRow]:
    """A row for each figure of the history, in its order."""
    rows = {row.id: row for row in report.checks}
    trends = report.history.trends if report.history else ()
    return [_describe_trend(trend, rows) for trend in trends[:60] if any(map(is_drawable, trend.values))]


def _describe_trend(trend: FigureTrend, rows: Mapping[str, CheckRow]) -> TrendRow:
    row = rows.get(trend.name)
    title = fold_line(row.title if row else trend.name, 120)
    known = list(filter(is_drawable, trend.values))
    metric = row.metric if row else "share"
    lowest, highest, latest = (format_quantity(v, trend.unit, metric) for v in (min(known), max(known), known[-1]))
    text = f"{format_count(len(known), 'run')}, lowest {lowest}, highest {highest}, the last {latest}"
    good = f"good side {format_direction(trend.direction)}" if trend.direction else ""
    picture = _draw_trend(trend, min(known), max(known), title, ", ".join(filter(None, (text, good))))
    return TrendRow(title, lowest, highest, latest, picture)


def _draw_trend(trend: FigureTrend, low: float, high: float, title: str, text: str) -> Markup:
    """A line through the runs in their order, with a gap where one has no figure; the last one is a dot."""
    x = Scale(0.0, max(1.0, len(trend.values) - 1.0), _EDGE, _WIDTH - _EDGE)
    y = Scale(low, high, _HEIGHT - _EDGE, _EDGE)
    points: list[Point | None] = []
    for place, value in enumerate(trend.values):
        points.append((x(place), y(value)) if is_drawable(value) else None)
    parts = [draw_path(run, "line") for run in split_runs(points)]
    for place, point in enumerate(points, 1):
        if point is not None:
            radius = 3.5 if place == len(points) else 1.8
            parts.append(make_element("circle", cx=point[0], cy=point[1], r=radius, cls="point"))
    return draw_figure(_WIDTH, _HEIGHT, f"{title} from run to run", text, *parts, cls="bar")
