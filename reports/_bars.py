"""The interval bar: an estimate and its bounds drawn against the limit and the loosened limit."""

from __future__ import annotations

import math
from dataclasses import dataclass

from markupsafe import Markup

from harness.core.verdict import Status

from ._format import interval, quantity, sign
from ._svg import Scale, box, el, figure, rule

WIDTH, HEIGHT = 240.0, 34.0


@dataclass(frozen=True, slots=True)
class Interval:
    """What one bar shows; `baseline` is the older run's estimate."""

    name: str
    estimate: float | None
    ci: tuple[float | None, float | None] | None
    unit: str | None
    metric: str | None
    verdict: Status | None
    direction: str | None = None
    limit: float | None = None
    loosened: float | None = None
    baseline: float | None = None

    def figures(self) -> list[float]:
        """Every finite figure that the bar must hold."""
        found = (self.estimate, *(self.ci or ()), self.limit, self.loosened, self.baseline)
        return [value for value in found if value is not None and math.isfinite(value)]


def bar(shown: Interval, scale: Scale | None = None) -> Markup:
    """The bar as an image, on its own scale or on one that several bars share; empty when there is no figure."""
    if not shown.figures():
        return Markup("")
    scale = scale or scale_of([shown])
    middle = HEIGHT / 2
    parts = [*_limits(shown, scale), rule(scale.start, middle, scale.end, middle, "axis")]
    parts += _whisker(shown, scale, middle)
    if _finite(shown.baseline):
        x = scale(shown.baseline or 0.0)
        parts.append(
            el("path", d=f"M{x - 4:.1f} {HEIGHT - 1:g}L{x:.1f} {HEIGHT - 8:g}L{x + 4:.1f} {HEIGHT - 1:g}Z", cls="base")
        )
    return figure(WIDTH, HEIGHT, shown.name, _said(shown), *parts, cls="bar")


def scale_of(bars: list[Interval]) -> Scale:
    """A scale that holds every figure of the bars with some air; from 0 where they lie near it."""
    figures = [value for shown in bars for value in shown.figures()] or [0.0]
    low, high = min(figures), max(figures)
    air = (high - low) * 0.12 or abs(high) * 0.5 or 1.0
    return Scale(0.0 if 0 <= low < high / 2 else low - air, high + air, 6.0, WIDTH - 6.0)


def _limits(shown: Interval, scale: Scale) -> list[Markup]:
    """The good side, the tolerated strip between limit and loosened limit (hatched), and both lines."""
    if not _finite(shown.limit):
        return []
    limit = scale(shown.limit or 0.0)
    edge = scale.start if shown.direction != ">=" else scale.end
    parts = [box(min(edge, limit), 4, abs(limit - edge), HEIGHT - 8, "good")]
    if _finite(shown.loosened) and shown.loosened != shown.limit:
        loosened = scale(shown.loosened or 0.0)
        parts.append(box(min(limit, loosened), 4, abs(loosened - limit), HEIGHT - 8, "tolerated"))
        parts.append(rule(loosened, 2, loosened, HEIGHT - 2, "loosened"))
    return [*parts, rule(limit, 0, limit, HEIGHT, "limit")]


def _whisker(shown: Interval, scale: Scale, y: float) -> list[Markup]:
    """The bounds as a thick line, an arrow head where a side is open, the estimate as a dot."""
    tone = f"ci {shown.verdict.lower()}" if shown.verdict else "ci"
    parts = []
    if shown.ci is not None and any(_finite(bound) for bound in shown.ci):
        low, high = (scale(bound) if bound is not None and math.isfinite(bound) else None for bound in shown.ci)
        left, right = scale.start if low is None else low, scale.end if high is None else high
        parts.append(rule(left, y, right, y, tone))
        for x, open_, way in ((left, low is None, 1), (right, high is None, -1)):
            head = [
                f"M{x + 6 * way:.1f} {y - 5:g}L{x:.1f} {y:g}L{x + 6 * way:.1f} {y + 5:g}",
                f"M{x:.1f} {y - 5:g}V{y + 5:g}",
            ]
            parts.append(el("path", d=head[0] if open_ else head[1], cls=tone))
    if _finite(shown.estimate):
        parts.append(el("circle", cx=scale(shown.estimate or 0.0), cy=y, r=4.5, cls=tone.replace("ci", "dot")))
    return parts


def _said(shown: Interval) -> str:
    said = [f"estimate {quantity(shown.estimate, shown.unit, shown.metric)}"]
    said.append(f"bounds {interval(shown.ci, shown.unit, shown.metric)}")
    if shown.limit is not None:
        said.append(f"limit {sign(shown.direction)} {quantity(shown.limit, shown.unit, shown.metric)}")
    if shown.loosened is not None:
        said.append(f"with tolerance {quantity(shown.loosened, shown.unit, shown.metric)}")
    if shown.baseline is not None:
        said.append(f"baseline {quantity(shown.baseline, shown.unit, shown.metric)}")
    return ", ".join(said)


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
