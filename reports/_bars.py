"""The interval bar: an estimate and its bounds drawn against the limit and the loosened limit."""

from __future__ import annotations

import math

from markupsafe import Markup

from harness.core.report import CheckRow
from harness.core.verdict import Status

from ._format import interval, quantity, sign
from ._svg import Scale, box, el, figure, rule

_WIDTH, _HEIGHT = 240.0, 34.0


def bar(row: CheckRow, name: str, verdict: Status | None = None, scale: Scale | None = None) -> Markup:
    """The row's interval as an image, on its own scale or on one that several share; empty when there is no figure."""
    if not _figures(row):
        return Markup("")
    scale = scale or scale_of([row])
    middle = _HEIGHT / 2
    parts = [*_limits(row, scale), rule(scale.start, middle, scale.end, middle, "axis")]
    parts += _whisker(row, f"ci {verdict.lower()}" if verdict else "ci", scale, middle)
    if row.baseline is not None and _finite(row.baseline.estimate):
        x = scale(row.baseline.estimate or 0.0)
        parts.append(
            el(
                "path",
                d=f"M{x - 4:.1f} {_HEIGHT - 1:g}L{x:.1f} {_HEIGHT - 8:g}L{x + 4:.1f} {_HEIGHT - 1:g}Z",
                cls="base",
            )
        )
    return figure(_WIDTH, _HEIGHT, name, _said(row), *parts, cls="bar")


def scale_of(rows: list[CheckRow]) -> Scale:
    """A scale that holds every figure of the rows with some air; from 0 where they lie near it."""
    figures = [value for row in rows for value in _figures(row)] or [0.0]
    low, high = min(figures), max(figures)
    air = (high - low) * 0.12 or abs(high) * 0.5 or 1.0
    return Scale(0.0 if 0 <= low < high / 2 else low - air, high + air, 6.0, _WIDTH - 6.0)


def _figures(row: CheckRow) -> list[float]:
    """Every finite figure that the bar must hold."""
    older = row.baseline.estimate if row.baseline else None
    found = (row.estimate, *(row.ci or ()), row.limit, row.limit_loosened, older)
    return [value for value in found if value is not None and math.isfinite(value)]


def _limits(row: CheckRow, scale: Scale) -> list[Markup]:
    """The good side, the tolerated strip between limit and loosened limit (hatched), and both lines."""
    if not _finite(row.limit):
        return []
    limit = scale(row.limit or 0.0)
    edge = scale.start if row.direction != ">=" else scale.end
    parts = [box(min(edge, limit), 4, abs(limit - edge), _HEIGHT - 8, "good")]
    if _finite(row.limit_loosened) and row.limit_loosened != row.limit:
        loosened = scale(row.limit_loosened or 0.0)
        parts.append(box(min(limit, loosened), 4, abs(loosened - limit), _HEIGHT - 8, "tolerated"))
        parts.append(rule(loosened, 2, loosened, _HEIGHT - 2, "loosened"))
    return [*parts, rule(limit, 0, limit, _HEIGHT, "limit")]


def _whisker(row: CheckRow, tone: str, scale: Scale, y: float) -> list[Markup]:
    """The bounds as a thick line, an arrow head where a side is open, the estimate as a dot."""
    parts = []
    if row.ci is not None and any(_finite(bound) for bound in row.ci):
        low, high = (scale(bound) if bound is not None and math.isfinite(bound) else None for bound in row.ci)
        left, right = scale.start if low is None else low, scale.end if high is None else high
        parts.append(rule(left, y, right, y, tone))
        for x, open_, way in ((left, low is None, 1), (right, high is None, -1)):
            head = [
                f"M{x + 6 * way:.1f} {y - 5:g}L{x:.1f} {y:g}L{x + 6 * way:.1f} {y + 5:g}",
                f"M{x:.1f} {y - 5:g}V{y + 5:g}",
            ]
            parts.append(el("path", d=head[0] if open_ else head[1], cls=tone))
    if _finite(row.estimate):
        parts.append(el("circle", cx=scale(row.estimate or 0.0), cy=y, r=4.5, cls=tone.replace("ci", "dot")))
    return parts


def _said(row: CheckRow) -> str:
    said = [f"estimate {quantity(row.estimate, row.unit, row.metric)}"]
    said.append(f"bounds {interval(row.ci, row.unit, row.metric)}")
    if row.limit is not None:
        said.append(f"limit {sign(row.direction)} {quantity(row.limit, row.unit, row.metric)}")
    if row.limit_loosened is not None:
        said.append(f"with tolerance {quantity(row.limit_loosened, row.unit, row.metric)}")
    if row.baseline is not None and row.baseline.estimate is not None:
        said.append(f"baseline {quantity(row.baseline.estimate, row.unit, row.metric)}")
    return ", ".join(said)


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
