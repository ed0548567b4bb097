"""Verdicts on a soak: what changes over time, what leaks, what comes periodically, what a pause does.

All are about windows whose requests depend on one another (`stats/change.py`). A check shares one error rate
among all the series that it tests; all checks together raise a false alarm in at most 5 % of healthy soaks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.core.gauge import LEAST_COUNT, LEAST_RELATIVE, GaugeKind, classify_gauge
from harness.core.load import DID_NOT_KEEP_UP, LoadResult
from harness.core.soak import Episode, SoakRecord, Window
from harness.core.verdict import Status, Verdict, make_error, make_inconclusive
from harness.stats.beta import binomial_sf
from harness.stats.change import FEWEST_WINDOWS, ChangeEstimate, estimate_change
from harness.stats.leak import Growth, judge_growth
from harness.stats.periodicity import FEWEST_EVENTS, find_period

CHECK_ALPHA, _COLD_ALPHA = 0.006, 0.008
"""The probability that a check fails a healthy soak: of the eight checks together 5 %."""
_PASS_ALPHA = 0.05

SLOWER, MORE_FAILURES = 0.2, 0.01
"""The change over a soak that is tolerated: of times a share, of failures and of bad answers a share of all requests.
PASS refutes twice as much.
"""
_SHORT = 0.02
"""Seconds that are added to times before they are compared: what changes by few milliseconds has not changed."""
_COLD_FACTOR, _COLD_SECONDS, _WARM_SHARE = 3.0, 0.25, 0.05
"""The first request after a pause counts as cold if it takes at least this many times the p95 of the others, and also
this many seconds longer; then the share of the others that are over their p95 by definition.
"""
_LOOSENED = 2.0


def judge_times(result: LoadResult) -> Verdict:
    """Whether latency and time to first token stay what they were: their medians and 95th percentiles by window."""
    soak = _get_record(result)
    if isinstance(soak, Verdict):
        return soak
    if not soak.windows:
        return _say_too_short(result, "too few requests for one window")
    series = []
    for metric in ("latency", "ttft"):
        windows = [window for window in soak.windows if metric in window.p50]
        for name in ("p50", "p95"):
            logs = [math.log(getattr(window, name)[metric] + _SHORT) for window in windows]
            if logs:
                series.append(_Series(f"{metric} {name}", logs, windows))
    if not series:
        return make_inconclusive("no request of the soak succeeded: no time to judge", n=0)
    return _judge_changes(result, series, math.log1p(SLOWER), math.log1p(_LOOSENED * SLOWER), _describe_ratio)


def judge_shares(result: LoadResult, name: str, count: Callable[[Window], int]) -> Verdict:
    """Whether a share of requests stays what it was; `count` is how many of a window count."""
    soak = _get_record(result)
    if isinstance(soak, Verdict):
        return soak
    shares = [count(window) / window.requests for window in soak.windows]
    series = [_Series(name, shares, soak.windows)]
    return _judge_changes(result, series, MORE_FAILURES, _LOOSENED * MORE_FAILURES, _describe_points)


@dataclass(frozen=True, slots=True)
class _Series:
    name: str
    values: list[float]
    windows: Sequence[Window]


def _judge_changes(
    result: LoadResult, series: Sequence[_Series], limit: float, loosened: float, describe: Callable[[float], str]
) -> Verdict:
    short = [part for part in series if len(part.values) < FEWEST_WINDOWS]
    if short:
        return _say_too_short(result, f"{len(short[0].values)} of {FEWEST_WINDOWS} windows with enough requests")
    changes = [(part, estimate_change(part.values, CHECK_ALPHA / len(series), _PASS_ALPHA)) for part in series]
    notes = tuple(
        f"{part.name}: {describe(change.size)} ({_describe_form(change, part.windows)}); at least "
        f"{describe(change.low)}, at most {describe(change.high)}"
        for part, change in changes
    )
    if result.soak is not None and result.soak.lost:
        note = f"{result.soak.lost} requests were under way when the soak was killed, and are not counted"
        notes = (note, *notes)
    n = sum(window.requests for window in series[0].windows)
    worst, change = max(changes, key=lambda pair: pair[1].low)
    allowed = f"{describe(limit)} over the soak is tolerated"
    if change.low > limit:
        reason = f"{worst.name} rises: {describe(change.size)}, {_describe_form(change, worst.windows)}; {allowed}"
        return _doubt_generator(result, Verdict(Status.FAIL, reason, n=n, method="change over windows", notes=notes))
    if all(change.high < loosened for _, change in changes):
        names = ", ".join(part.name for part, _ in changes)
        reason = f"{names} rise by less than {describe(loosened)} over the soak"
        return _doubt_generator(result, Verdict(Status.PASS, reason, n=n, method="change over windows", notes=notes))
    worst, change = max(changes, key=lambda pair: pair[1].high)
    reason = (
        f"{worst.name} may rise by up to {describe(change.high)}, and {allowed}: windows depend on one another "
        f"(phi up to {change.phi:g}); a longer soak decides"
    )
    return Verdict(Status.INCONCLUSIVE, reason, n=n, method="change over windows", notes=notes)


def judge_gauges(result: LoadResult, kind: GaugeKind, what: str) -> Verdict:
    """Whether gauges of a kind leak: growth of the second half, undiminished, of which pauses give nothing back."""
    soak = _get_record(result)
    if isinstance(soak, Verdict):
        return soak
    gauges = {name: points for name, points in soak.gauges.items() if classify_gauge(name) == kind}
    if not gauges:
        return make_inconclusive(f"the page of metrics showed no gauge of {what} during the soak", n=0)
    judged = {}
    for name, points in gauges.items():
        level = abs(points[0][1])
        limit = max(LEAST_RELATIVE * level, LEAST_COUNT if kind == "connections" else 0.0)
        judged[name] = judge_growth(points, soak.idle_times, limit, _LOOSENED * limit, CHECK_ALPHA / len(gauges))
    described = {name: _describe_growth(growth, name.endswith("_bytes")) for name, growth in judged.items()}
    notes = tuple(f"{name}: {words}" for name, words in described.items()) + _list_caches(soak)
    n = sum(len(points) for points in gauges.values())
    for kinds, status in ((("leak",), Status.FAIL), (("short", "unclear", "slows", "step"), Status.INCONCLUSIVE)):
        for name, growth in judged.items():
            if growth.kind in kinds:
                reason = f"{name} {described[name]}"
                return Verdict(status, reason, n=n, method="growth of a gauge", notes=notes)
    reason = f"{what}: no growth that goes on and stays in pauses ({', '.join(judged)})"
    return Verdict(Status.PASS, reason, n=n, method="growth of a gauge", notes=notes)


def judge_period(result: LoadResult, what: str, get_episodes: Callable[[SoakRecord], Sequence[Episode]]) -> Verdict:
    """Whether episodes of slow or failing requests come periodically."""
    soak = _get_record(result)
    if isinstance(soak, Verdict):
        return soak
    if len(soak.windows) < FEWEST_WINDOWS:
        return _say_too_short(result, f"{len(soak.windows)} of {FEWEST_WINDOWS} windows with enough requests")
    episodes = get_episodes(soak)
    period = find_period([episode.begin for episode in episodes])
    covered = (
        f"periods from {_format_seconds(4 * soak.bin_seconds)} to {_format_seconds(result.seconds / FEWEST_EVENTS)}"
    )
    if period is not None and period.p_value <= CHECK_ALPHA:
        longest = max(episode.seconds for episode in episodes)
        reason = f"{len(episodes)} {what} come every {_format_seconds(period.seconds)}, for up to {longest:.3g} s"
        note = f"so regular by chance with a probability of {period.p_value:.2g}"
        verdict = Verdict(Status.FAIL, reason, n=len(episodes), method="regular gaps", notes=(note,))
        others = [episode for episode in episodes if not episode.held_up]
        rest = find_period([episode.begin for episode in others])
        if result.client_bound and rest is not None and rest.p_value <= CHECK_ALPHA:
            doubt = f"{DID_NOT_KEEP_UP}: {result.client_bound[0]}"
            return verdict.with_notes(f"{doubt}; the {len(others)} {what} at other times come periodically, too")
        return _doubt_generator(result, verdict)
    reason = f"{len(episodes)} {what}, not periodic" if episodes else f"no {what}"
    return Verdict(Status.PASS, f"{reason}; covers {covered}", n=result.judged, method="regular gaps")


def judge_cold_start(result: LoadResult) -> Verdict:
    """Whether the first requests after pauses are as fast as the others are at other times."""
    soak = _get_record(result)
    if isinstance(soak, Verdict):
        return soak
    if not soak.first:
        return make_inconclusive("nothing was sent after a pause: give the soak pauses", n=0)
    usual = sorted(window.p95["latency"] for window in soak.windows if "latency" in window.p95)
    if len(usual) < FEWEST_WINDOWS:
        return _say_too_short(result, f"{len(usual)} of {FEWEST_WINDOWS} windows with enough answers")
    p95 = usual[len(usual) // 2]
    limit = max(_COLD_FACTOR * p95, p95 + _COLD_SECONDS)
    cold = [first for first in soak.first if first.seconds is None or first.seconds > limit]
    count, pauses = len(cold), len(soak.first)
    what = f"{count} of {pauses} first requests after a pause took over {limit:.3g} s (the others' p95 is {p95:.3g} s)"
    p_value = binomial_sf(count, pauses, _WARM_SHARE)
    if count and p_value <= _COLD_ALPHA:
        times = ", ".join("failed" if first.seconds is None else f"{first.seconds:.3g} s" for first in cold)
        note = f"{times}; by chance with a probability of {p_value:.2g}"
        verdict = Verdict(Status.FAIL, what, n=pauses, method="first after a pause", notes=(note,))
        return _doubt_generator(result, verdict)
    if count or pauses < 2:
        reason = f"{what}: too few pauses to say whether that comes by chance"
        return make_inconclusive(reason, n=pauses, method="first after a pause")
    return Verdict(Status.PASS, what, n=pauses, method="first after a pause")


def _get_record(result: LoadResult) -> SoakRecord | Verdict:
    """The record of the soak, or the verdict of a load that has none."""
    if result.problem is not None:
        return make_error(f"{result.problem} ({result.completed} of {result.intended} requests had ended)")
    if not result.finished or result.soak is None:
        return make_error(f"the soak was cut off after {result.completed} of {result.intended} requests")
    if result.gone is not None:
        return make_inconclusive(f"the soak ended early: {result.gone}", n=result.completed)
    return result.soak


def _doubt_generator(result: LoadResult, verdict: Verdict) -> Verdict:
    """The verdict; INCONCLUSIVE where the load generator may have shaped what it is about."""
    if not result.client_bound:
        return verdict
    return make_inconclusive(
        f"{DID_NOT_KEEP_UP}: {result.client_bound[0]}", n=verdict.n or 0, method=verdict.method
    ).with_notes(f"if it had, the verdict would be {verdict.status}: {verdict.reason}", *verdict.notes)


def _say_too_short(result: LoadResult, why: str) -> Verdict:
    return make_inconclusive(f"the soak is too short to judge: {why}; give a longer duration or a higher rate",
                             n=result.judged)  # fmt: skip


_MOST_SHOWN = math.log(11)
"""The largest change that is stated, as the logarithm of a ratio: +1,000 %."""


def _describe_ratio(change: float) -> str:
    if change < _MOST_SHOWN:
        return f"{math.expm1(change):+.1%}"
    return f"{math.expm1(_MOST_SHOWN):+,.0%} and more"


def _describe_points(change: float) -> str:
    return f"{min(change, 1.0) * 100:+.2f} points"


def _describe_form(change: ChangeEstimate, windows: Sequence[Window]) -> str:
    if not change.is_step:
        return "steadily"
    at = windows[min(int(change.at * len(windows)), len(windows) - 1)].begin
    return f"in one step after {_format_seconds(at)}"


def _describe_growth(growth: Growth, is_bytes: bool) -> str:
    def show(change: float) -> str:
        return f"{change / 1e6:+,.3g} MB" if is_bytes else f"{change:+.4g}"

    second = f"{show(growth.second)} in the second half (at least {show(growth.low)}, at most {show(growth.high)})"
    base = f"{second}, after {show(growth.first)} in the first, from {show(growth.level).lstrip('+')}"
    if growth.kind == "leak":
        return f"leaks: it grows by {base}; in pauses it stays ({show(growth.idle or 0.0)} from the first to the last)"
    if growth.kind == "short":
        return "was read too rarely in the second half to judge"
    meaning = {
        "none": "does not grow",
        "returns": "comes back in pauses",
        "slows": "grows ever slower: a longer soak shows whether it ends",
        "step": "grew in one step: a longer soak shows whether others follow",
        "unclear": "grows or not, which the data leave open" if growth.idle is not None else
                   "cannot be judged without two pauses",
    }  # fmt: skip
    return f"{meaning[growth.kind]}: {base}"


def _list_caches(soak: SoakRecord) -> tuple[str, ...]:
    names = [name for name in soak.gauges if classify_gauge(name) == "cache"]
    return tuple(
        f"{name} (a cache, shown and not judged): {soak.gauges[name][0][1]:.4g} at first, "
        f"{soak.gauges[name][-1][1]:.4g} at last"
        for name in names
    )


def _format_seconds(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"
