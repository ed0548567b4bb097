"""The one line that says how a load goes while it goes on. Pure.

Tested in tests/load/test_live.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harness.core.arrival_settings import STEADY
from harness.core.load import Counts, describe_time
from harness.core.load_settings import LoadSettings
from harness.core.metric import GOODPUT, INTER_TOKEN, LATENCY, TTFT
from harness.core.report import Figure, Generator
from harness.core.verdict import ALPHA
from harness.stats.intervals import clopper_pearson_lower, clopper_pearson_upper

_TIMES = ((TTFT.name, "TTFT"), (INTER_TOKEN.name, "gap"))


@dataclass(frozen=True, slots=True)
class LoadState:
    """What a watcher wants to know of the result while the load goes on: fields of `LoadResult`.

    `baseline` is the same of an endpoint that takes turns with this one.
    """

    intended: int
    sent: int
    completed: int
    failed: int
    figures: tuple[Figure, ...] = ()
    blocks: Mapping[str, Counts] = field(default_factory=dict)
    generator: Generator = field(default_factory=Generator)
    baseline: LoadState | None = None

    @property
    def in_flight(self) -> int:
        """Requests that were sent and have not ended."""
        return self.sent - self.completed


def describe_live_load(
    state: LoadState, load: LoadSettings, elapsed: float, limits: Mapping[str, Sequence[float]] = {}
) -> str:
    """Rate asked and reached, times, goodput, failures, requests in flight, time left; `elapsed` seconds of the
    schedule have passed. Two endpoints that take turns are both counted, and their schedule takes twice as long.

    Times and goodput are of the requests after the warm-up, as far as they have ended; of a load that is not streamed
    the latency stands in place of TTFT and gap. `limits` of objectives, by metric, have the share over them with the
    interval that independent requests would give.
    """
    parts = [_describe_rates(state, load, elapsed), *_describe_figures(state)]
    for metric in limits:
        parts += _describe_shares(state, metric, limits[metric])
    failed, in_flight, rest = f"{state.failed:,} failed", state.in_flight, load.duration - elapsed
    if (other := state.baseline) is not None:
        parts.append(f"baseline {_describe_rates(other, load, elapsed)}")
        failed, in_flight, rest = f"{failed}, {other.failed:,} at the baseline", in_flight + other.in_flight, 2 * rest
    return " · ".join([*parts, failed, f"{in_flight:,} in flight", _describe_rest(load, elapsed, rest)])


def _describe_shares(state: LoadState, metric: str, limits: Sequence[float]) -> Iterator[str]:
    counts = state.blocks.get(metric)
    n = sum(counts.n) if counts else 0
    for limit in limits:
        if counts is not None and n and repr(limit) in counts.over:
            k = sum(counts.over_limit(limit))
            low, high = clopper_pearson_lower(k, n, ALPHA), clopper_pearson_upper(k, n, ALPHA)
            yield f"{metric} over {describe_time(limit)}: {k / n:.1%} ({low:.1%} to {high:.1%})"


def _describe_rates(state: LoadState, load: LoadSettings, elapsed: float) -> str:
    """What the schedule has asked for and what was answered each second so far; and what it asks for now, if it
    changes.
    """
    if load.loop:
        return f"{(state.completed - state.failed) / max(elapsed, 1e-3):.3g} requests/s"
    until = max(1e-3, min(elapsed, load.duration * (1 - 1e-9)))
    reached = (state.completed - state.failed) / max(elapsed, 1e-3)
    rates = f"{reached:.3g} of {load.curve.count_until(until) / until:.3g} requests/s"
    if load.shape_name == STEADY:
        return rates
    return f"{rates} (now {load.curve.get_rate(until):.3g})"


def _describe_figures(state: LoadState) -> list[str]:
    by_metric = {figure.metric: figure for figure in state.figures}
    names = dict(_TIMES) if by_metric.keys() & dict(_TIMES) else {LATENCY.name: "latency"}
    parts = []
    for metric, name in names.items():
        if (figure := by_metric.get(metric)) is not None and figure.n:
            parts.append(f"{name} {_describe_times(figure)}")
    share = _get_value(by_metric, GOODPUT.name)
    return parts if share is None else [*parts, f"goodput {share:.3g} %"]


def _describe_times(figure: Figure) -> str:
    return f"p50 {_format_time(figure.p50)} p95 {_format_time(figure.p95)}"


def _format_time(seconds: float | None) -> str:
    return "failed" if seconds is None else describe_time(seconds)


def _get_value(by_metric: Mapping[str, Figure], metric: str) -> float | None:
    figure = by_metric.get(metric)
    return None if figure is None or figure.value is None else 100 * figure.value


def _describe_rest(load: LoadSettings, elapsed: float, seconds: float) -> str:
    rest = math.ceil(seconds)
    if rest <= 0:
        return "the last answers are awaited"
    phase = "" if elapsed >= load.judged_from else ", not judged yet"
    return f"{rest} s left{phase}"
