"""The timeline: requests, errors and latency second by second, with the windows of the faults."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from harness.core.report import FaultRow, Second

from ._format import count, duration, number, seconds
from ._svg import Scale, box, el, figure, label, log_scale, log_ticks, path, rule, runs, ticks

WIDTH = 940.0
LEFT, RIGHT = 64.0, WIDTH - 32.0
_PANEL, _GAP, _HEAD, _FAULT = 110.0, 42.0, 28.0, 21.0
MOST = 440
"""Points that are drawn; a longer run is folded into bins of several seconds each."""


@dataclass(frozen=True, slots=True)
class Bin:
    """`width` seconds from `t`: sums of requests and errors, the middle of the medians, the highest q99 (seconds)."""

    t: int
    width: int
    requests: int
    errors: int
    q50: float | None
    q99: float | None


def bins(series: Sequence[Second], most: int = MOST) -> list[Bin]:
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
    highest = [s.q99 for s in found if s.q99 is not None and math.isfinite(s.q99)]
    return Bin(
        t,
        width,
        sum(s.requests for s in found),
        sum(s.errors for s in found),
        medians[len(medians) // 2] if medians else None,
        max(highest, default=None),
    )


def timeline(found: list[Bin], faults: Sequence[FaultRow]) -> Markup:
    """Three panels over one time axis: requests per second, share of errors, q50 and q99."""
    start, end = float(found[0].t), float(found[-1].t + found[-1].width)
    x = Scale(start, end, LEFT, RIGHT)
    shown = [fault for fault in faults[:8] if math.isfinite(fault.applied_at)]
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
    return figure(WIDTH, bottom + 30, "Timeline of the run", said, *parts)


def _requests(found: list[Bin], x: Scale, top: float) -> list[Markup]:
    rates = [b.requests / b.width for b in found]
    y = Scale(0.0, max([*rates, 1e-9]) * 1.08, top + _PANEL, top)
    line = [(x(b.t + b.width / 2), y(rate)) for b, rate in zip(found, rates, strict=True)]
    area = [(line[0][0], y.start), *line, (line[-1][0], y.start)]
    return [
        *_panel("requests per second", y, ticks(0.0, y.high, 4), number),
        path(area, "area", close=True),
        path(line, "line"),
    ]


def _errors(found: list[Bin], x: Scale, top: float) -> list[Markup]:
    shares = [b.errors / b.requests if b.requests else 0.0 for b in found]
    y = Scale(0.0, max([*shares, 0.01]) * 1.08, top + _PANEL, top)
    bars = [
        box(x(b.t), y(share), x(b.t + b.width) - x(b.t), y.start - y(share), "errors")
        for b, share in zip(found, shares, strict=True)
        if share > 0
    ]
    return [*_panel("share of errors", y, ticks(0.0, y.high, 4), lambda v: f"{number(v * 100)} %"), *bars]


def _latency(found: list[Bin], x: Scale, top: float) -> list[Markup]:
    figures = [v for b in found for v in (b.q50, b.q99) if v is not None and 0 < v < 1e15]
    if not figures:
        return [label(LEFT, top - 8, "latency: no answer was timed", cls="panel")]
    y = log_scale(min(figures), max(figures), top + _PANEL, top)
    parts = _panel("latency: median (solid) and p99 (dashed)", y, log_ticks(y, 4), seconds)
    for name, cls in (("q50", "line"), ("q99", "line high")):
        values = [(b, getattr(b, name)) for b in found]
        drawn = runs((x(b.t + b.width / 2), y(v)) if v is not None and v > 0 else None for b, v in values)
        parts += [path(run if len(run) > 1 else [run[0], (run[0][0] + 1.5, run[0][1])], cls) for run in drawn]
    return parts


def _panel(name: str, y: Scale, marks: list[float], words: object) -> list[Markup]:
    say = words if callable(words) else str
    parts = [label(LEFT, min(y.start, y.end) - 9, name, cls="panel"), rule(LEFT, y.start, RIGHT, y.start, "axis")]
    for value in marks:
        parts += [rule(LEFT, y(value), RIGHT, y(value), "grid"), label(LEFT - 8, y(value) + 4, say(value), "end")]
    return parts


def _window(fault: FaultRow, x: Scale, index: int, bottom: float, end: float) -> Markup:
    left = x(fault.applied_at)
    lifted = fault.lifted_at if fault.lifted_at is not None and math.isfinite(fault.lifted_at) else end
    right = x(lifted)
    y = 6 + index * _FAULT
    said = f"{fault.kind} on {fault.target}: {_confirmed(fault)}"
    anchor, at = ("end", right) if left > (LEFT + RIGHT) / 2 else ("start", left)
    return el(
        "g",
        box(left, y + 15, right - left, bottom - y - 15, "fault"),
        rule(left, y + 15, right, y + 15, "fault-edge" if fault.confirmed != "none" else "fault-edge unproven"),
        label(at, y + 11, said[:90], anchor, "fault-label"),
    )


def _confirmed(fault: FaultRow) -> str:
    known = "not confirmed" if fault.confirmed == "none" else f"confirmed by {fault.confirmed}"
    return known if fault.lifted_at is not None else f"{known}, not lifted"


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
