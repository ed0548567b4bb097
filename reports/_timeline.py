"""The timeline: requests, errors and latency second by second, with the windows of the faults."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, median_high

from markupsafe import Markup

from harness.core.report import FaultRow, Second
from harness.core.visible_text import cut_text

from . import _svg, _traffic
from ._format import format_count, format_duration, format_number, format_seconds, is_drawable
from ._svg import Plot, Point, Scale

_WIDTH = 940.0
_LEFT, _RIGHT = 64.0, _WIDTH - 32.0
_PANEL, _GAP, _HEAD, _FAULT = 110.0, 42.0, 28.0, 22.0
_GLYPH = 7.3
"""Pixels that a letter of a label takes, on average; a label that seems too long ends at the right edge."""

_MOST, MOST_FAULTS = 440, 12
"""Points and fault windows that are drawn; a longer run is folded into bins of several seconds each."""


@dataclass(frozen=True, slots=True)
class Bin(Second):
    """`width` seconds from `t`: the sums of requests and errors, the median of the q50s, the highest q99, and the mean
    of the rates that the load's schedule asked for.
    """

    width: int = 1

    @property
    def middle(self) -> float:
        """The middle of its time."""
        return self.t + self.width / 2


def fold_series(series: Sequence[Second], most: int = _MOST) -> list[Bin]:
    """The series in at most `most` bins, in order; a bin in which nothing was sent counts 0."""
    if not series:
        return []
    first, last = min(s.t for s in series), max(s.t for s in series)
    width = max(1, math.ceil((last - first + 1) / most))
    parts: list[list[Second]] = [[] for _ in range(first, last + 1, width)]
    for second in series:
        parts[(second.t - first) // width].append(second)
    return [_sum_up(first + index * width, width, part) for index, part in enumerate(parts)]


def _sum_up(t: int, width: int, part: list[Second]) -> Bin:
    requests = errors = 0
    medians, highest, rates = [], [], []
    for second in part:
        requests += second.requests
        errors += second.errors
        if is_drawable(second.q50):
            medians.append(second.q50)
        if is_drawable(second.q99):
            highest.append(second.q99)
        if second.target_rate is not None and 0 <= second.target_rate < 1e15:
            rates.append(second.target_rate)
    median = median_high(medians) if medians else None
    rate = fmean(rates) if rates else None
    return Bin(t, requests, errors, median, max(highest, default=None), rate, width)


def draw_timeline(bins: list[Bin], faults: Sequence[FaultRow]) -> Markup:
    """Three panels over one time axis: requests and errors per second, q50 and q99; each fault until its recovery."""
    start, end = float(bins[0].t), float(bins[-1].t + bins[-1].width)
    x = Scale(start, end, _LEFT, _RIGHT)
    shown = [fault for fault in faults if math.isfinite(fault.applied_at)][:MOST_FAULTS]
    top = _HEAD + _FAULT * len(shown)
    second, third = top + _PANEL + _GAP, top + 2 * (_PANEL + _GAP)
    bottom = third + _PANEL
    panels = [(low, low + _PANEL) for low in (top, second, third)]
    parts = [_draw_fault(fault, x, index, panels, end) for index, fault in enumerate(shown)]
    parts += [*_draw_requests(bins, x, top), *_draw_errors(bins, x, second), *_draw_latency(bins, x, third)]
    parts += [_svg.draw_label(x(t), bottom + 18, format_time(t), "middle") for t in choose_times(start, end)]
    requests, errors = sum(b.requests for b in bins), sum(b.errors for b in bins)
    text = f"{format_count(requests, 'request')} and {format_count(errors, 'error')} in {format_duration(end - start)}"
    if shown:
        text += f", {format_count(len(shown), 'fault window')}"
    return _svg.draw_figure(_WIDTH, bottom + 30, "Timeline of the run", text, *parts)


def _draw_requests(bins: list[Bin], x: Scale, top: float) -> list[Markup]:
    highest = 1e-9
    for part in bins:
        highest = max(highest, part.requests / part.width, part.target_rate or 0.0)
    y = Scale(0.0, highest * 1.08, top + _PANEL, top)
    line: list[Point] = []
    planned: list[Point | None] = []
    for part in bins:
        line.append((x(part.middle), y(part.requests / part.width)))
        if part.target_rate is None:
            planned.append(None)
        else:
            height = y(part.target_rate)
            planned += [(x(part.t), height), (x(part.t + part.width), height)]
    steps = _svg.split_runs(planned)
    name = "requests per second: sent (solid), planned by the load (dashed)" if steps else "requests per second"
    return [
        *_draw_panel(name, y, _svg.choose_ticks(0.0, y.high, 4), format_number),
        _svg.draw_path([(line[0][0], y.start), *line, (line[-1][0], y.start)], "area", close=True),
        _svg.draw_path(line, "line"),
        *(_svg.draw_path(run, "asked") for run in steps),
    ]


def _draw_errors(bins: list[Bin], x: Scale, top: float) -> list[Markup]:
    highest = max(1.0, *(part.errors / part.width for part in bins))
    y = Scale(0.0, highest * 1.08, top + _PANEL, top)
    parts = _draw_panel("errors per second", y, _svg.choose_ticks(0.0, y.high, 4), format_number)
    for part in bins:
        if part.errors > 0:
            height = y(part.errors / part.width)
            width = x(part.t + part.width) - x(part.t)
            parts.append(_svg.draw_box(x(part.t), height, width, y.start - height, "errors"))
    return parts


def _draw_latency(bins: list[Bin], x: Scale, top: float) -> list[Markup]:
    figures = [value for part in bins for value in (part.q50, part.q99) if value is not None and 0 < value < 1e15]
    if not figures:
        return [_svg.draw_label(_LEFT, top - 8, "latency: no answer was timed", cls="panel")]
    y = _svg.make_log_scale(min(figures), max(figures), top + _PANEL, top)
    name = "latency of answered requests: median (solid), p99 (dashed)"
    parts = _draw_panel(name, y, _svg.choose_log_ticks(y, 4), format_seconds)
    for field, cls in (("q50", "line"), ("q99", "line high")):
        points: list[Point | None] = []
        for part in bins:
            value = getattr(part, field)
            points.append((x(part.middle), y(value)) if value is not None and value > 0 else None)
        for run in _svg.split_runs(points):
            if len(run) == 1:
                run.append((run[0][0] + 1.5, run[0][1]))
            parts.append(_svg.draw_path(run, cls))
    return parts


def _draw_panel(name: str, y: Scale, marks: list[float], describe: Callable[[float], str]) -> list[Markup]:
    plot = Plot(_LEFT, _RIGHT, y.end, y.start)
    rows = plot.draw_rows((y(value), describe(value)) for value in marks)
    return [_svg.draw_label(_LEFT, y.end - 9, name, cls="panel"), *rows]


def _draw_fault(fault: FaultRow, x: Scale, index: int, panels: Sequence[tuple[float, float]], end: float) -> Markup:
    """One fault: its band over every panel, a bar in its own row, its text, and the bracket until recovery."""
    lifted = fault.lifted_at if is_drawable(fault.lifted_at) else end
    left, right, y = x(fault.applied_at), x(lifted), 21 + index * _FAULT
    edge, tone = "fault-edge", None
    parts = [_svg.draw_box(left, above, right - left, below - above, "fault") for above, below in panels]
    if not _traffic.is_confirmed(fault):
        edge, tone = "fault-edge unproven", "lost"
        parts += [_svg.draw_box(left, above, right - left, below - above, "blind") for above, below in panels]
    text = f"{cut_text(_traffic.name_fault(fault), 64)}, {cut_text(_traffic.describe_proof(fault), 50)}"
    recovery = _traffic.describe_recovery(fault)
    parts.append(_svg.draw_rule(left, y, right, y, edge))
    spans = [_svg.make_element("tspan", text=text, cls=tone)]
    if recovery:
        parts += _draw_bracket(fault, x, right, y)
        cls = "back" if recovery.startswith("recovered") else "lost"
        spans.append(_svg.make_element("tspan", text=f"; {recovery}", cls=cls))
    at, anchor = left, None
    if left + _GLYPH * (len(text) + len(recovery) + 2) >= _RIGHT:
        at, anchor = _RIGHT, "end"
    label = _svg.make_element("text", *spans, x=at, y=y - 5, text_anchor=anchor, cls="fault-label")
    return _svg.make_element("g", *parts, label)


def _draw_bracket(fault: FaultRow, x: Scale, right: float, y: float) -> list[Markup]:
    """From the lift to the recovery; to the end of the observation, in red, where there was none."""
    until = fault.phases.get("end") if _traffic.has_not_recovered(fault) else fault.recovered_at
    if fault.lifted_at is None or not is_drawable(until):
        return []
    line = f"M{right:.1f} {y:.1f}H{x(until):.1f}"
    if _traffic.has_not_recovered(fault):
        return [_svg.make_element("path", d=line, cls="bracket lost")]
    return [_svg.make_element("path", d=f"{line}M{x(until):.1f} {y - 4:.1f}v8", cls="bracket back")]


def choose_times(start: float, end: float) -> list[float]:
    """Round times to mark, at most ten: whole steps of seconds, minutes or hours."""
    for step in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200):
        if (end - start) / step <= 10:
            return [float(index * step) for index in range(math.ceil(start / step), math.floor(end / step) + 1)]
    return _svg.choose_ticks(start, end, 8)


def format_time(t: float) -> str:
    """A time of the run for an axis: `40 s`, `2:05`, `1:02:05`."""
    seconds = round(t)
    if seconds < 60:
        return f"{seconds} s"
    hours, rest = divmod(seconds, 3600)
    if not hours:
        return f"{rest // 60}:{rest % 60:02d}"
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}"
