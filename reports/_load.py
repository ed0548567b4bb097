"""Pictures of a load: percentiles over time, a heat map of latency, goodput by slice, and the knee of a sweep.

Tested in tests/reports/test_load_pictures.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import attrgetter

from markupsafe import Markup

from harness.core.report import LoadPicture, LoadSlice
from harness.core.sweep import ProbeRecord, SweepResult

from . import _svg, _timeline
from ._format import format_count, format_number, format_seconds
from ._svg import Plot, Point, Scale

_WIDTH, _HEIGHT = 940.0, 300.0
_PLOT = Plot(64.0, _WIDTH - 74.0, 22.0, _HEIGHT - 46.0)
_LINES = (("p50", "line"), ("p95", "line high"), ("p99", "line far"))
_MARKS = {"pass": "point", "under": "point", "fail": "errors", "over": "errors"}
_OUTCOMES = {
    "pass": "keeps the objectives (proved)", "under": "within the budget (a look)", "fail": "breaks them (proved)",
    "over": "over the budget (a look)",
}  # fmt: skip
_SHOWN_METRICS = ("latency", "ttft")
_LEAST_OPACITY, _SHADES = 0.12, 12


def describe_outcome(probe: ProbeRecord) -> str:
    """How a load of a sweep ended, in words."""
    return _OUTCOMES.get(probe.outcome, "undecided")


def draw_percentiles(picture: LoadPicture) -> Markup:
    """The median, p95 and p99 of the answered requests in each slice of time, on a log scale."""
    values = [value for part in picture.slices for name, _ in _LINES if (value := getattr(part, name))]
    x, y = _scale_time(picture), _svg.make_log_scale(min(values), max(values), _PLOT.bottom, _PLOT.top)
    parts = [*_draw_seconds(y), *_draw_times(x)]
    lows: list[float] = []
    for name, cls in _LINES:
        runs = _svg.split_runs(_place(part, getattr(part, name), x, y) for part in picture.slices)
        for run in runs:
            end = run if len(run) > 1 else [*run, (run[0][0] + 1.5, run[0][1])]
            parts.append(_svg.draw_path(end, cls))
        if runs:
            at = _find_room(runs[-1][-1][1], lows)
            lows.append(at)
            parts.append(_svg.draw_label(_PLOT.right + 8, at + 4, name, cls="panel"))
    ends = []
    for name, _ in _LINES:
        known = list(filter(None, map(attrgetter(name), picture.slices)))
        ends.append(f"{name} {format_seconds(min(known))} to {format_seconds(max(known))}")
    title = f"Percentiles of latency over time under {picture.suite}"
    return _svg.draw_figure(_WIDTH, _HEIGHT, title, ", ".join(ends), *parts)


def draw_heat(picture: LoadPicture) -> Markup:
    """How many answers took how long in each slice of time: the darker a cell, the more answers."""
    bounds = picture.bounds
    x, y = _scale_time(picture), Scale(bounds[0], bounds[-1], _PLOT.bottom, _PLOT.top, log=True)
    most = max(map(max, map(attrgetter("counts"), picture.slices))) or 1
    cells: dict[int, list[str]] = {}
    for part in picture.slices:
        left, width = x(part.t), x(part.t + part.seconds) - x(part.t)
        for low, high, count in zip(bounds, bounds[1:], part.counts, strict=False):
            if count:
                cell = f"M{left:.1f} {y(high):.1f}h{width:.1f}V{y(low):.1f}h-{width:.1f}z"
                cells.setdefault(math.ceil(_SHADES * count / most), []).append(cell)
    parts = [*_draw_seconds(y), *_draw_times(x)]
    for shade, drawn in sorted(cells.items()):
        opacity = _LEAST_OPACITY + (1 - _LEAST_OPACITY) * shade / _SHADES
        parts.append(Markup('<path class="heat" fill-opacity="{:.2f}" d="{}"/>').format(opacity, "".join(drawn)))
    text = f"{format_count(sum(map(_count_answers, picture.slices)), 'answer')}, at most {most:,} in one cell"
    return _svg.draw_figure(_WIDTH, _HEIGHT, f"Heat map of latency over time under {picture.suite}", text, *parts)


def list_slices(picture: LoadPicture) -> Sequence[LoadSlice]:
    """The slices with a request: what both charts show."""
    return [part for part in picture.slices if part.requests]


def draw_goodput(shares: Sequence[float | None]) -> Markup:
    """The share of good requests in each time block of the judged part; a block without a request has no bar."""
    x, y = Scale(0.0, float(len(shares)), _PLOT.left, _PLOT.right), Scale(0.0, 1.0, _PLOT.bottom, _PLOT.top)
    parts = [*_PLOT.draw_shares(y), *_PLOT.draw_ticks([], "judged part of the load, in equal slices of time")]
    for place, share in enumerate(shares):
        if share is not None:
            left, width = x(place) + 0.5, x(1) - x(0) - 1
            parts.append(_svg.draw_box(left, y(share), width, _PLOT.bottom - y(share), "heat"))
            parts.append(_svg.draw_box(left, _PLOT.top, width, y(share) - _PLOT.top, "errors"))
    return _svg.draw_figure(_WIDTH, _HEIGHT, "Goodput by slice of time", describe_goodput(shares), *parts)


def describe_goodput(shares: Sequence[float | None]) -> str:
    """The lowest and the highest share, and how many slices had every request good."""
    known = [share for share in shares if share is not None]
    whole = known.count(1)
    span = f"{format_number(100 * min(known))} % to {format_number(100 * max(known))} % of the requests were good"
    return f"{span}; all of them in {whole} of {format_count(len(known), 'slice')}"


def draw_knee(sweep: SweepResult) -> Markup:
    """Throughput against latency (p95) for each load of a sweep, with the interval of the capacity."""
    probes = [probe for probe in sweep.probes if choose_time(probe) > 0 and probe.throughput > 0]
    if len(probes) < 2:
        return Markup("")
    rates = [rate for probe in probes for rate in (probe.rate, probe.throughput)]
    x = Scale(0.0, 1.08 * max(*rates, sweep.high or 0.0), _PLOT.left, _PLOT.right)
    times = list(map(choose_time, probes))
    y = _svg.make_log_scale(min(times), max(times), _PLOT.bottom, _PLOT.top)
    right = x(sweep.high) if sweep.high is not None else _PLOT.right
    parts = [_svg.draw_box(x(sweep.low), _PLOT.top, right - x(sweep.low), _PLOT.bottom - _PLOT.top, "dkw")]
    parts += _draw_seconds(y)
    ticks = _svg.choose_ticks(0.0, x.high, 8)
    parts += _PLOT.draw_ticks([(x(rate), format_number(rate)) for rate in ticks], "answered requests/s")
    if sweep.target <= x.high:
        parts.append(_svg.draw_rule(x(sweep.target), _PLOT.top, x(sweep.target), _PLOT.bottom, "asked-rule"))
        parts.append(_svg.draw_label(x(sweep.target) + 5, _PLOT.top + 10, "target", cls="note"))
    ordered = sorted(probes, key=lambda probe: probe.rate)
    line: list[Point] = []
    for probe in ordered:
        line.append((x(probe.throughput), y(choose_time(probe))))
    parts += [_svg.draw_path(line, "line"), *map(_draw_probe, ordered, line)]
    high = "no upper end" if sweep.high is None else f"less than {format_number(sweep.high)} requests/s"
    text = f"{format_count(len(probes), 'load')}; capacity at least {format_number(sweep.low)}, {high}"
    return _svg.draw_figure(_WIDTH, _HEIGHT, "Knee: throughput against latency (p95)", text, *parts)


def choose_time(probe: ProbeRecord) -> float:
    """The p95 of the latency of a load in seconds; 0 where none was timed or it lies among the failures."""
    value = next((probe.p95[metric] for metric in _SHOWN_METRICS if metric in probe.p95), 0.0)
    return value if 0 < value < 1e15 else 0.0


def _draw_probe(probe: ProbeRecord, place: Point) -> Markup:
    """A disc where the objectives were kept, a square where not, hollow where undecided; large where proved."""
    x, y = place
    size = 5.0 if probe.outcome in ("pass", "fail") else 3.2
    cls = _MARKS.get(probe.outcome, "open")
    if cls == "errors":
        return _svg.draw_box(x - size, y - size, 2 * size, 2 * size, cls)
    return _svg.make_element("circle", cx=x, cy=y, r=size, cls=cls)


def _count_answers(part: LoadSlice) -> int:
    return sum(part.counts)


def _scale_time(picture: LoadPicture) -> Scale:
    last = picture.slices[-1]
    return Scale(float(picture.slices[0].t), float(last.t + last.seconds), _PLOT.left, _PLOT.right)


def _draw_seconds(y: Scale) -> list[Markup]:
    """The grid lines of a time on a log scale."""
    return _PLOT.draw_rows((y(value), format_seconds(value)) for value in _svg.choose_log_ticks(y))


def _draw_times(x: Scale) -> list[Markup]:
    marks = [(x(t), _timeline.format_time(t)) for t in _timeline.choose_times(x.low, x.high)]
    return _PLOT.draw_ticks(marks, "time since the start of the run")


def _place(part: LoadSlice, value: float | None, x: Scale, y: Scale) -> Point | None:
    return (x(part.t + part.seconds / 2), y(value)) if value else None


def _find_room(at: float, taken: Sequence[float]) -> float:
    """A height near this one at which a label touches no other."""
    while any(abs(at - other) < 13 for other in taken):
        at -= 13
    return at
