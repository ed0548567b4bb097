"""SVG as text: elements, scales and ticks. Colours come from the page's style sheet, by class."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from ._text import line

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
        if self.log:
            low, high, value = math.log10(self.low), math.log10(self.high), math.log10(max(value, self.low))
        else:
            low, high = self.low, self.high
        share = (value - low) / (high - low) if high > low else 0.5
        return self.start + min(1.0, max(0.0, share)) * (self.end - self.start)


def log_scale(low: float, high: float, start: float, end: float) -> Scale:
    """A logarithmic scale whose ends are 1, 2 or 5 times a power of ten and hold `low` and `high`, both above 0."""
    ends = [step * 10.0**power for power in range(_power(low) - 1, _power(high) + 2) for step in (1, 2, 5)]
    under = [value for value in ends if value <= low * 1.0001]
    over = [value for value in ends if value >= high * 0.9999]
    return Scale(under[-1], over[0] if over[0] > under[-1] else under[-1] * 2, start, end, log=True)


def log_ticks(scale: Scale, most: int = 9) -> list[float]:
    """1, 2 and 5 times powers of ten inside the scale; only the powers where those are too many."""
    powers = range(_power(scale.low), _power(scale.high) + 1)
    for steps in ((1, 2, 5), (1, 5), (1,)):
        found = [step * 10.0**power for power in powers for step in steps]
        found = [value for value in found if scale.low * 0.9999 <= value <= scale.high * 1.0001]
        if len(found) <= most:
            return found
    return found[:: math.ceil(len(found) / most)]


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round values from `low` to `high`, at most about so many."""
    if not high > low:
        return [low]
    raw = (high - low) / most
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * unit for factor in (1, 2, 5, 10) if factor * unit >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [index * step for index in range(first, math.floor(high / step + 1e-9) + 1)]


def _power(value: float) -> int:
    return math.floor(math.log10(value))


def el(tag: str, *inside: Markup, text: str = "", **attributes: str | float | None) -> Markup:
    """One element; `cls` is the class, `_` in names is written `-`, None leaves an attribute out."""
    named = {"class" if key == "cls" else key.replace("_", "-"): value for key, value in attributes.items()}
    written = "".join(f' {key}="{_value(value)}"' for key, value in named.items() if value is not None)
    content = Markup("").join(inside) + escape(line(text, 200))
    return Markup(f"<{tag}{written}>{content}</{tag}>" if content else f"<{tag}{written}/>")


def _value(value: str | float) -> str:
    return str(escape(line(value, 20_000))) if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")


def rule(x1: float, y1: float, x2: float, y2: float, cls: str) -> Markup:
    """A straight line."""
    return el("line", x1=x1, y1=y1, x2=x2, y2=y2, cls=cls)


def box(x: float, y: float, width: float, height: float, cls: str) -> Markup:
    """A rectangle, at least half a pixel wide so that it is seen."""
    return el("rect", x=x, y=y, width=max(0.5, width), height=max(0.0, height), cls=cls)


def label(x: float, y: float, text: str, anchor: str = "start", cls: str | None = None) -> Markup:
    """A text; `anchor` is start, middle or end."""
    return el("text", text=text, x=x, y=y, text_anchor=None if anchor == "start" else anchor, cls=cls)


@dataclass(frozen=True, slots=True)
class Plot:
    """The pixels between the axes of a chart."""

    left: float
    right: float
    top: float
    bottom: float

    def across(self, marks: Iterable[tuple[float, str]]) -> list[Markup]:
        """The base line, and horizontal grid lines with their labels on the left."""
        drawn = [rule(self.left, self.bottom, self.right, self.bottom, "axis")]
        for y, text in marks:
            drawn += [rule(self.left, y, self.right, y, "grid"), label(self.left - 8, y + 4, text, "end")]
        return drawn

    def up(self, marks: Iterable[tuple[float, str]], name: str) -> list[Markup]:
        """Tick labels under the base line, and the axis' name under them."""
        drawn = [label(self.right, self.bottom + 38, name, "end", "note")]
        for x, text in marks:
            drawn += [rule(x, self.bottom, x, self.bottom + 4, "axis"), label(x, self.bottom + 18, text, "middle")]
        return drawn

    def limits(self, marks: Sequence[tuple[float, str]]) -> list[Markup]:
        """Vertical limits in order; the first and the last have their labels, on their outer sides where both fit."""
        lines = [rule(x, self.top - 14, x, self.bottom, "limit") for x, _ in marks]
        outer = [(marks[0], "end"), (marks[-1], "start")] if len(marks) > 1 else [(mark, "end") for mark in marks]
        for (x, text), anchor in outer:
            room = x - self.left if anchor == "end" else self.right - x
            side = anchor if room > 110 else {"end": "start", "start": "end"}[anchor]
            lines.append(label(x + (-6 if side == "end" else 6), self.top - 8, text, side, "limit-label"))
        return lines


def path(points: Sequence[Point], cls: str, *, close: bool = False) -> Markup:
    """A line through the points."""
    if not points:
        return Markup("")
    drawn = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + ("Z" if close else "")
    return Markup(f'<path d="{drawn}" class="{escape(cls)}"/>')


def runs(points: Iterable[Point | None]) -> list[list[Point]]:
    """Points split where one is missing, so that a gap is drawn as a gap."""
    found: list[list[Point]] = [[]]
    for point in points:
        if point is not None:
            found[-1].append(point)
        elif found[-1]:
            found.append([])
    return [run for run in found if run]


def figure(width: float, height: float, title: str, description: str, *inside: Markup, cls: str = "chart") -> Markup:
    """A whole image with its name and description for who cannot see it (WAI-ARIA `img`)."""
    return el(
        "svg",
        el("title", text=title),
        el("desc", text=description),
        *inside,
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_label=f"{title}. {description}",
        cls=cls,
    )
