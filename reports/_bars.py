"""The interval bar: an estimate and its bounds drawn against the limit and the loosened limit."""

from __future__ import annotations

from markupsafe import Markup

from harness.core.report import CheckRow
from harness.core.verdict import Status

from ._format import format_direction, is_drawable
from ._svg import Scale, draw_box, draw_figure, draw_rule, make_element
from ._view import format_bounds, format_figure

_WIDTH, _HEIGHT = 240.0, 34.0


def draw_bar(row: CheckRow, name: str, verdict: Status | None = None, scale: Scale | None = None) -> Markup:
    """The row's interval as an image, on its own scale or on one that several share; empty when there is no figure."""
    if not _list_figures(row):
        return Markup("")
    scale = scale or fit_scale([row])
    middle = _HEIGHT / 2
    tone = str(verdict or "").lower()
    parts = [*_draw_limits(row, scale), draw_rule(scale.start, middle, scale.end, middle, "axis")]
    parts += draw_interval(row, tone, scale, middle)
    if row.baseline is not None and is_drawable(row.baseline.estimate):
        x = scale(row.baseline.estimate)
        bottom, top = f"{_HEIGHT - 1:g}", f"{_HEIGHT - 8:g}"
        arrow = f"M{x - 4:.1f} {bottom}L{x:.1f} {top}L{x + 4:.1f} {bottom}Z"
        parts.append(make_element("path", d=arrow, cls="base"))
    return draw_figure(_WIDTH, _HEIGHT, name, _describe(row), *parts, cls="bar")


def fit_scale(rows: list[CheckRow]) -> Scale:
    """A scale that holds every figure of the rows with a margin; from 0 where they lie near it."""
    figures = [value for row in rows for value in _list_figures(row)] or [0.0]
    low, high = min(figures), max(figures)
    margin = (high - low) * 0.12 or abs(high) * 0.5 or 1.0
    start = 0.0 if 0 <= low < high / 2 else low - margin
    return Scale(start, high + margin, 6.0, _WIDTH - 6.0)


def _list_figures(row: CheckRow) -> list[float]:
    """Every finite figure that the bar must hold."""
    figures = [row.estimate, *(row.ci or ()), row.limit, row.limit_loosened]
    if row.baseline:
        figures.append(row.baseline.estimate)
    return [value for value in figures if is_drawable(value)]


def _draw_limits(row: CheckRow, scale: Scale) -> list[Markup]:
    """The good side, the tolerated strip between limit and loosened limit (hatched), and both lines."""
    if not is_drawable(row.limit):
        return []
    limit = scale(row.limit)
    edge = scale.end if row.direction == ">=" else scale.start
    parts = [draw_box(min(edge, limit), 4, abs(limit - edge), _HEIGHT - 8, "good")]
    if is_drawable(row.limit_loosened) and row.limit_loosened != row.limit:
        loosened = scale(row.limit_loosened)
        parts.append(draw_box(min(limit, loosened), 4, abs(loosened - limit), _HEIGHT - 8, "tolerated"))
        parts.append(draw_rule(loosened, 2, loosened, _HEIGHT - 2, "loosened"))
    return [*parts, draw_rule(limit, 0, limit, _HEIGHT, "limit")]


def draw_interval(row: CheckRow, tone: str, scale: Scale, y: float) -> list[Markup]:
    """The bounds as a thick line, an arrow head where a side is open, the estimate as a dot."""
    parts = []
    low, high = row.ci or (None, None)
    if is_drawable(low) or is_drawable(high):
        ends = []
        for bound, end, way in ((low, scale.start, 6), (high, scale.end, -6)):
            x = scale(bound) if is_drawable(bound) else end
            cap = f"M{x:.1f} {y - 5:g}V{y + 5:g}"
            if not is_drawable(bound):
                cap = f"M{x + way:.1f} {y - 5:g}L{x:.1f} {y:g}L{x + way:.1f} {y + 5:g}"
            parts.append(make_element("path", d=cap, cls=f"ci {tone}".rstrip()))
            ends.append(x)
        parts.append(draw_rule(ends[0], y, ends[1], y, f"ci {tone}".rstrip()))
    if is_drawable(row.estimate):
        dot = make_element("circle", cx=scale(row.estimate), cy=y, r=4.5, cls=f"dot {tone}".rstrip())
        parts.append(dot)
    return parts


def _describe(row: CheckRow) -> str:
    parts = [f"estimate {format_figure(row, row.estimate)}", f"bounds {format_bounds(row)}"]
    if row.limit is not None:
        parts.append(f"limit {format_direction(row.direction)} {format_figure(row, row.limit)}")
    if row.limit_loosened is not None:
        parts.append(f"with tolerance {format_figure(row, row.limit_loosened)}")
    if row.baseline is not None and row.baseline.estimate is not None:
        parts.append(f"baseline {format_figure(row, row.baseline.estimate)}")
    return ", ".join(parts)
