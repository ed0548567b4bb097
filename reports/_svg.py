"""SVG as text: elements, scales and ticks. Colours come from the page's style sheet, by class."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup, escape

from harness.core.visible_text import fold_line

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Scale:
    """A map from [`low`, `high`] to pixels [`start`, `end`], linear or logarithmic; values outside are clamped."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high = self.low, self.high
        if self.log:
            low, high, value = math.log10(low), math.log10(high), math.log10(max(value, low))
        share = (value - low) / (high - low) if high > low else 0.5
        return self.start + min(1.0, max(0.0, share)) * (self.end - self.start)


def make_log_scale(low: float, high: float, start: float, end: float) -> Scale:
    """A logarithmic scale over `low` and `high`, both above 0, that ends at 1, 2 or 5 times a power of ten."""
    values = _multiply_powers((1, 2, 5), low, high)
    first = values[bisect_right(values, low * 1.0001) - 1]
    last = values[bisect_left(values, high * 0.9999)]
    return Scale(first, last if last > first else first * 2, start, end, log=True)


def choose_log_ticks(scale: Scale, most: int = 9) -> list[float]:
    """1, 2 and 5 times powers of ten inside the scale; only the powers where those are too many."""
    for factors in ((1, 2, 5), (1, 5), (1,)):
        values = _multiply_powers(factors, scale.low, scale.high)
        values = values[bisect_left(values, scale.low * 0.9999) : bisect_right(values, scale.high * 1.0001)]
        if len(values) <= most:
            break
    return values[:: math.ceil(len(values) / most) or 1]


def _multiply_powers(factors: Sequence[int], low: float, high: float) -> list[float]:
    """The factors times every power of ten from below `low` to above `high`."""
    powers = range(math.floor(math.log10(low)) - 1, math.floor(math.log10(high)) + 2)
    return [factor * 10.0**power for power in powers for factor in factors]


def choose_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round values from `low` to `high`, about `most` of them at most."""
    if not 0 < high - low < math.inf:
        return [low] if math.isfinite(low) else []
    raw = (high - low) / most
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * unit for factor in (1, 2, 5, 10) if factor * unit >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [index * step for index in range(first, math.floor(high / step + 1e-9) + 1)]


def make_element(tag: str, *inside: Markup, text: str = "", **attributes: str | float | None) -> Markup:
    """One element; `cls` is the class, `_` in names is written `-`, None leaves an attribute out."""
    opening = f"<{tag}"
    for name, value in attributes.items():
        if value is None:
            continue
        if not isinstance(value, str):
            value = f"{value:.2f}".rstrip("0").rstrip(".")
        name = {"cls": "class"}.get(name, name.replace("_", "-"))
        opening += f' {name}="{escape(fold_line(value, 20_000))}"'
    content = Markup("").join(inside) + escape(fold_line(text, 200))
    return Markup(f"{opening}>{content}</{tag}>" if content else f"{opening}/>")


def draw_rule(x1: float, y1: float, x2: float, y2: float, cls: str) -> Markup:
    """A straight line."""
    return make_element("line", x1=x1, y1=y1, x2=x2, y2=y2, cls=cls)


def draw_box(x: float, y: float, width: float, height: float, cls: str) -> Markup:
    """A rectangle, at least half a pixel wide so that it can be seen."""
    return make_element("rect", x=x, y=y, width=max(0.5, width), height=max(0.0, height), cls=cls)


def draw_label(x: float, y: float, text: str, anchor: str = "start", cls: str | None = None) -> Markup:
    """A text; `anchor` is start, middle or end."""
    return make_element("text", text=text, x=x, y=y, text_anchor=None if anchor == "start" else anchor, cls=cls)


def drop_crowded(marks: list[tuple[float, str]], least: float = 34.0) -> list[tuple[float, str]]:
    """The marks without those that would touch the next one; the last one always stays."""
    roomy: list[tuple[float, str]] = []
    for mark in reversed(marks):
        if not roomy or roomy[-1][0] - mark[0] >= least:
            roomy.append(mark)
    return roomy[::-1]


@dataclass(frozen=True, slots=True)
class Plot:
    """The pixels between the axes of a chart."""

    left: float
    right: float
    top: float
    bottom: float

    def draw_rows(self, marks: Iterable[tuple[float, str]]) -> list[Markup]:
        """The base line, and horizontal grid lines with their labels on the left."""
        drawn = [draw_rule(self.left, self.bottom, self.right, self.bottom, "axis")]
        for y, text in marks:
            drawn += [draw_rule(self.left, y, self.right, y, "grid"), draw_label(self.left - 8, y + 4, text, "end")]
        return drawn

    def draw_shares(self, y: Scale) -> list[Markup]:
        """The rows of a share: 0, 25, 50, 75 and 100 %."""
        return self.draw_rows((y(share / 100), f"{share} %") for share in (0, 25, 50, 75, 100))

    def draw_ticks(self, marks: Iterable[tuple[float, str]], name: str) -> list[Markup]:
        """Tick labels under the base line, and the name of the axis under them."""
        drawn = [draw_label(self.right, self.bottom + 38, name, "end", "note")]
        for x, text in marks:
            drawn.append(draw_rule(x, self.bottom, x, self.bottom + 4, "axis"))
            drawn.append(draw_label(x, self.bottom + 18, text, "middle"))
        return drawn

    def draw_limits(self, marks: Sequence[tuple[float, str]]) -> list[Markup]:
        """Vertical limits in order. The first has its label on the left, the last on the right, where they fit."""
        lines = [draw_rule(x, self.top - 14, x, self.bottom, "limit") for x, _ in marks]
        for index in sorted({0, len(marks) - 1} if marks else ()):
            x, text = marks[index]
            room = self.right - x if index else x - self.left
            if (room > 84) == (index > 0):
                lines.append(draw_label(x + 6, self.top - 8, text, "start", "limit-label"))
            else:
                lines.append(draw_label(x - 6, self.top - 8, text, "end", "limit-label"))
        return lines


def draw_path(points: Sequence[Point], cls: str, *, close: bool = False) -> Markup:
    """A line through the points, each as its distance from the one before in tenths of a pixel."""
    if not points:
        return Markup("")
    tenths = [(round(x * 10), round(y * 10)) for x, y in points]
    steps = []
    for (x, y), (right, down) in pairwise(tenths):
        steps.append(f"{(right - x) / 10:g} {(down - y) / 10:g}")
    start = f"M{tenths[0][0] / 10:g} {tenths[0][1] / 10:g}"
    line = f"{start}l{' '.join(steps)}" if steps else start
    return Markup(f'<path d="{line}{"Z" * close}" class="{escape(cls)}"/>')


def split_runs(points: Iterable[Point | None]) -> list[list[Point]]:
    """Points split where one is missing, so that a gap is drawn as a gap."""
    runs: list[list[Point]] = []
    joined = False
    for point in points:
        if point is not None and joined:
            runs[-1].append(point)
        elif point is not None:
            runs.append([point])
        joined = point is not None
    return runs


def draw_figure(
    width: float, height: float, title: str, description: str, *inside: Markup, cls: str = "chart"
) -> Markup:
    """A whole image, with a name and a description for screen readers (WAI-ARIA `img`)."""
    return make_element(
        "svg",
        make_element("title", text=title),
        make_element("desc", text=description),
        *inside,
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_label=f"{title}. {description}",
        cls=cls,
    )
