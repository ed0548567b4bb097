"""The timeline: requests, errors and latency second by second, with the windows of the faults."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from markupsafe import Markup

from harness.core.report import FaultRow, Second

from ._format import count, duration, number, seconds
from ._svg import Plot, Scale, box, el, figure, label, log_scale, log_ticks, path, rule, runs, ticks
from ._traffic import landed, lost, named, proof, recovery

_WIDTH = 940.0
_LEFT, _RIGHT = 64.0, _WIDTH - 32.0
_PANEL, _GAP, _HEAD, _FAULT = 110.0, 42.0, 28.0, 22.0
_GLYPH = 7.3
"""Pixels that a letter of a label takes, on average; a label that seems too long ends at the right edge."""

_MOST, FAULTS = 440, 12
"""Points and fault windows that are drawn; a longer run is folded into bins of several seconds each."""


@dataclass(frozen=True, slots=True)
class Bin(Second):
    """`width` seconds from `t`: sums of requests and errors, the middle of the medians, the highest q99, the mean rate
    that the load's schedule wanted.
    """

    width: int = 1


def bins(series: Sequence[Second], most: int = _MOST) -> list[Bin]:
    """The series in at most so many bins, in order; a bin in which nothing was sent counts 0."""
    if not series:
        return []
    first, last = min(s.t for s in series), max(s.t for s in series)
    width = max(1, math.ceil((last - first + 1) / most))
    parts: dict[int, list[Second]] = {}
    for second in series:
        parts.setdefault((second.t - first) // width, []).append(second)
    return [_bin(first + index * width, width, parts.get(index, [])) for index in range((last - first) // width + 1)]


def _bin(t: int, width: int, found: list[Second]) -> Bin:
    medians = sorted(s.q50 for s in found if s.q50 is not None and math.isfinite(s.q50))
    highest = max((s.q99 for s in found if s.q99 is not None and math.isfinite(s.q99)), default=None)
    asked = [s.target_rate for s in found if s.target_rate is not None and 0 <= s.target_rate < 1e15]
    sums = sum(s.requests for s in found), sum(s.errors for s in found)
    median, rate = medians[len(medians) // 2] if medians else None, fmean(asked) if asked else None
    return Bin(t, *sums, median, highest, rate, width)


def timeline(found: list[Bin], faults: Sequence[FaultRow]) -> Markup:
    """Three panels over one time axis: requests and errors per second, q50 and q99; each fault from on to recovered."""
    start, end = float(found[0].t), float(found[-1].t + found[-1].width)
    x = Scale(start, end, _LEFT, _RIGHT)
    shown = [fault for fault in faults if math.isfinite(fault.applied_at)][:FAULTS]
    top = _HEAD + _FAULT * len(shown)
    tops = [top + index * (_PANEL + _GAP) for index in range(3)]
    bottom = tops[-1] + _PANEL
    parts = [_window(fault, x, index, bottom, end) for index, fault in enumerate(shown)]
    parts += _requests(found, x, tops[0])
    parts += _errors(found, x, tops[1])
    parts += _latency(found, x, tops[2])
    parts += [label(x(t), bottom + 18, _clock(t), "middle") for t in _moments(start, end)]
    requests, errors = sum(b.requests for b in found), sum(b.errors for b in found)
    said = f"{count(requests, 'request')} and {count(errors, 'error')} in {duration(end - start)}"
    if shown:
        said += f", {count(len(shown), 'fault window')}"
    return figure(_WIDTH, bottom + 30, "Timeline of the run", said, *parts)


def _requests(found: list[Bin], x: Scale, top: float) -> list[Markup]:
    rates = [b.requests / b.width for b in found]
    wanted = [(b, b.target_rate) for b in found]
    y = Scale(0.0, max([*rates, *(rate for _, rate in wanted if rate is not None), 1e-9]) * 1.08, top + _PANEL, top)
    line = [(x(b.t + b.width / 2), y(rate)) for b, rate in zip(found, rates, strict=True)]
    area = [(line[0][0], y.start), *line, (line[-1][0], y.start)]
    asked = runs(
        corner
        for b, rate in wanted
        for corner in ([None] if rate is None else [(x(b.t), y(rate)), (x(b.t + b.width), y(rate))])
    )
    name = "requests per second: sent (solid), asked for by the load (dashed)" if asked else "requests per second"
    return [
        *_panel(name, y, ticks(0.0, y.high, 4), number),
        path(area, "area", close=True),
        path(line, "line"),
        *(path(run, "asked") for run in asked),
    ]


def _errors(found: list[Bin], x: Scale, top: float) -> list[Markup]:
    rates = [b.errors / b.width for b in found]
    y = Scale(0.0, max([*rates, 1.0]) * 1.08, top + _PANEL, top)
    bars = [
        box(x(b.t), y(rate), x(b.t + b.width) - x(b.t), y.start - y(rate), "errors")
        for b, rate in zip(found, rates, strict=True)
        if rate > 0
    ]
    return [*_panel("errors per second", y, ticks(0.0, y.high, 4), number), *bars]


def _latency(found: list[Bin], x: Scale, top: float) -> list[Markup]:
    figures = [v for b in found for v in (b.q50, b.q99) if v is not None and 0 < v < 1e15]
    if not figures:
        return [label(_LEFT, top - 8, "latency: no answer was timed", cls="panel")]
    y = log_scale(min(figures), max(figures), top + _PANEL, top)
    parts = _panel("latency of what was answered: median (solid), p99 (dashed)", y, log_ticks(y, 4), seconds)
    for name, cls in (("q50", "line"), ("q99", "line high")):
        values = [(b, getattr(b, name)) for b in found]
        drawn = runs((x(b.t + b.width / 2), y(v)) if v is not None and v > 0 else None for b, v in values)
        parts += [path(run if len(run) > 1 else [run[0], (run[0][0] + 1.5, run[0][1])], cls) for run in drawn]
    return parts


def _panel(name: str, y: Scale, marks: list[float], words: Callable[[float], str]) -> list[Markup]:
    plot = Plot(_LEFT, _RIGHT, y.end, y.start)
    return [label(_LEFT, y.end - 9, name, cls="panel"), *plot.across((y(value), words(value)) for value in marks)]


def _window(fault: FaultRow, x: Scale, index: int, bottom: float, end: float) -> Markup:
    """One fault: its band over every panel, a bar in its own row, its words, and the bracket until it was recovered."""
    lifted = fault.lifted_at if fault.lifted_at is not None and math.isfinite(fault.lifted_at) else end
    left, right, y = x(fault.applied_at), x(lifted), 21 + index * _FAULT
    edge = "fault-edge" if landed(fault) else "fault-edge unproven"
    parts = [box(left, y, right - left, bottom - y, "fault")]
    if not landed(fault):
        parts.append(box(left, y, right - left, bottom - y, "blind"))
    said, after = f"{named(fault)[:64]}, {proof(fault)[:50]}", recovery(fault)
    parts += [rule(left, y, right, y, edge), *(_bracket(fault, x, right, y) if after else ())]
    fits = left + _GLYPH * (len(said) + len(after) + 2) < _RIGHT
    words = [el("tspan", text=said, cls=None if landed(fault) else "lost")]
    if after:
        words.append(el("tspan", text=f"; {after}", cls="back" if after.startswith("recovered") else "lost"))
    at, anchor = (left, None) if fits else (_RIGHT, "end")
    return el("g", *parts, el("text", *words, x=at, y=y - 5, text_anchor=anchor, cls="fault-label"))


def _bracket(fault: FaultRow, x: Scale, right: float, y: float) -> list[Markup]:
    """From the lift to where the service had recovered; to the end of the watch, in red, where it had not."""
    until = fault.phases.get("end") if lost(fault) else fault.recovered_at
    if fault.lifted_at is None or until is None or not math.isfinite(until):
        return []
    cls, edge = ("bracket lost", x(until)) if lost(fault) else ("bracket back", x(until))
    drawn = f"M{right:.1f} {y:.1f}H{edge:.1f}" + ("" if lost(fault) else f"M{edge:.1f} {y - 4:.1f}v8")
    return [el("path", d=drawn, cls=cls)]


def _moments(start: float, end: float) -> list[float]:
    """Round times to mark, at most ten: whole steps of seconds, minutes or hours."""
    steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200)
    step = next((step for step in steps if (end - start) / step <= 10), None)
    if step is None:
        return ticks(start, end, 8)
    first = math.ceil(start / step)
    return [float(index * step) for index in range(first, math.floor(end / step) + 1)]


def _clock(t: float) -> str:
    whole = round(t)
    if whole < 60:
        return f"{whole} s"
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"
