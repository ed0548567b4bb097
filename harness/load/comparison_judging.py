"""Judge a load beside a baseline's: no worse than by the margin, in every metric that both have."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.core.comparison import Contrast
from harness.core.load import DID_NOT_KEEP_UP, LoadResult, describe_time
from harness.core.metric import ERROR_RATE, GOODPUT, INTER_TOKEN, LATENCY, TOKEN_RATE, TPOT, TTFOT, TTFT
from harness.core.report import Report
from harness.core.run_comparison import TIME_VERDICTS, ComparedTime, TimesComparison
from harness.core.turns import DECIDING_PAIRS
from harness.core.verdict import ALPHA, Baseline, Slice, Status, Verdict, make_error, make_inconclusive
from harness.stats.difference import DifferenceDecision, SampleCounts, judge_difference
from harness.stats.intervals import clopper_pearson_lower
from harness.stats.paired_turns import judge_ratio, judge_share_difference

ERROR_MARGIN = 0.01
"""By how much the share of failed requests may exceed the baseline's."""

_BROKEN = 0.001
"""A baseline whose failures refute `ERROR_MARGIN` at this alpha is no measure of a good service."""

_ALIKE = 0.1
"""By this share the mean length of answers may differ where their times are compared."""

_METHOD = "turns in pairs: jackknife and Student's t; shares by Farrington and Manning's score test"
_SPREAD_METHOD = "Student's t for one more run beside several saved ones"
_ASSUMES = (
    "it holds for what shows within one turn: a queue that takes longer to build up is cut off by the pause after it; "
    "the length of a turn is [load] turn"
)
_ONE_RUN = (
    "times are not compared with one saved run: the same code differs by 26 % from job to job. Give the URL of the "
    "old version as the baseline, and both are loaded in one run; or save five runs that passed"
)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What one metric shows."""

    contrast: Contrast
    status: Status
    line: str
    decision: DifferenceDecision | None = None


def judge_turns(result: LoadResult, margin: float) -> Verdict:
    """Judge a load that took turns with a baseline. FAIL where one metric is shown to be worse by more than `margin`
    (at alpha over the number of metrics), PASS where that is refuted for each.
    """
    other = result.baseline
    if result.problem is not None or not result.finished:
        return make_error(f"the load was not finished: {result.problem or 'it was cut off'}")
    if result.gone is not None:
        return Verdict(Status.FAIL, f"the endpoint disappeared under load: {result.gone}", n=result.completed)
    if other is None or not result.contrasts:
        return make_inconclusive("no baseline took turns with this load", n=0)
    if other.gone is not None:
        return make_inconclusive(f"the baseline disappeared under load: {other.gone}", n=result.judged)
    alpha_fail = ALPHA / max(1, len(result.contrasts))
    outcomes = [_judge_contrast(contrast, result, other, margin, alpha_fail) for contrast in result.contrasts]
    verdict = _combine(outcomes, result, margin)
    failed = sum(other.blocks["error_rate"].over_limit(0.0))
    if verdict.status is Status.PASS and clopper_pearson_lower(failed, other.judged, _BROKEN) > ERROR_MARGIN:
        reason = f"{failed} of {other.judged} requests failed at the baseline: to be no worse proves nothing"
        verdict = _leave_open(verdict, reason)
    bound = (*result.client_bound, *other.client_bound)
    return _leave_open(verdict, f"{DID_NOT_KEEP_UP}: {bound[0]}") if bound else verdict


def _leave_open(verdict: Verdict, reason: str) -> Verdict:
    would_be = f"otherwise the verdict would be {verdict.status}: {verdict.reason}"
    return make_inconclusive(
        reason, n=verdict.n, method=_METHOD, slices=verdict.slices, baseline=verdict.baseline,
        notes=(would_be, *verdict.notes),
    )  # fmt: skip


def judge_saved(result: LoadResult, report: Report, name: str, times: TimesComparison | None = None) -> Verdict:
    """Judge a load beside that of a saved run: the failures, and the `times` where several saved runs decide them."""
    if result.problem is not None or not result.finished:
        return make_error(f"the load was not finished: {result.problem or 'it was cut off'}")
    old = next((load for load in report.loads if load.scenario == result.scenario), None)
    if old is None or not old.completed or not result.completed:
        return make_inconclusive(f"{name} holds no load {result.scenario!r} to compare with", n=0)
    counts = SampleCounts(result.completed, result.failed, old.completed, old.failed)
    decided = judge_difference(counts, ERROR_MARGIN)
    shown = f"{result.failed} of {result.completed} requests failed, {old.failed} of {old.completed} in {name}"
    if decided.decision == "fail":
        reason = f"{shown}: more by at most {ERROR_MARGIN:.0%} is refuted"
        return Verdict(Status.FAIL, reason, n=result.completed, counterexamples=result.failures, notes=(_ONE_RUN,))
    times = times or TimesComparison()
    figures = [figure for figure in times.figures if figure.what.startswith(f"{result.scenario}: ")]
    if not figures:
        why = f" ({times.why})" if times.why else ""
        return make_inconclusive(f"{_ONE_RUN}{why}. {shown}", n=result.completed)
    verdict = _judge_times(result, figures, times.margin, name)
    if decided.decision != "pass":
        verdict = _leave_open(verdict, f"{shown}: too few to refute more by {ERROR_MARGIN:.0%}")
    if bound := (*result.client_bound, *result.late):
        return _leave_open(verdict, f"{DID_NOT_KEEP_UP}: {bound[0]}")
    if unlike := result.cache or result.shortfall or result.bursts:
        return _leave_open(verdict, unlike)
    return verdict


def _rank_time(figure: ComparedTime) -> int:
    return TIME_VERDICTS.index(figure.verdict)


def _judge_times(result: LoadResult, figures: Sequence[ComparedTime], margin: float, name: str) -> Verdict:
    """The worst of the figures beside several saved runs; one that is too good is for people to look at."""
    lines: dict[str, list[str]] = {state: [] for state in TIME_VERDICTS}
    notes = []
    for figure in sorted(figures, key=_rank_time):
        lines[figure.verdict].append(figure.describe(margin))
        notes.append(f"{figure.verdict}: {figure.describe(margin)}")
    status = Status.PASS
    reason = f"no worse than {name} and the runs before it by more than {margin:.0%} in any of {len(figures)} figures"
    if lines["worse"]:
        status, reason = Status.FAIL, f"worse than {name} and the runs before it: {lines['worse'][0]}"
    elif lines["undecided"]:
        status, reason = Status.INCONCLUSIVE, f"not decided beside the saved runs: {lines['undecided'][0]}"
    if lines["better"]:
        notes.insert(0, "have a look: answers that are shorter, cached or fail at once look better, too")
    baseline = Baseline(name, margin=margin)
    return Verdict(status, reason, n=result.judged, method=_SPREAD_METHOD, baseline=baseline, notes=tuple(notes))


def _judge_contrast(
    contrast: Contrast, result: LoadResult, other: LoadResult, margin: float, alpha_fail: float
) -> _Outcome:
    if contrast.counts:
        return _judge_share(contrast, margin, alpha_fail)
    values = f"{contrast.label}: {_format(contrast.candidate, contrast)} against {_format(contrast.baseline, contrast)}"
    reason = _find_unlikeness(contrast, result, other)
    if contrast.worse is None or contrast.least_worse is None:
        reason = reason or "it lies among failures, or in too few turns"
    if reason or contrast.worse is None or contrast.least_worse is None:
        return _Outcome(contrast, Status.INCONCLUSIVE, f"{values}: not judged, {reason}")
    if (pairs := len(contrast.left_out)) < DECIDING_PAIRS:
        seconds = DECIDING_PAIRS * result.seconds / pairs
        needed = f"{DECIDING_PAIRS} are needed: {seconds:.0f} s after the warm-up, or shorter turns"
        few = f"{pairs} pairs of turns, and {needed}"
        return _Outcome(contrast, Status.INCONCLUSIVE, f"{values}: not judged, {few}")
    limit = math.log1p(margin)
    decided = judge_ratio(contrast.worse, contrast.left_out, limit, ALPHA, alpha_fail)
    status = _STATUSES[decided.decision]
    if result.late or other.late:
        least = judge_ratio(contrast.least_worse, contrast.least_left_out, limit, ALPHA, alpha_fail)
        if least.decision != decided.decision:
            late = (*result.late, *other.late)[0]
            return _Outcome(contrast, Status.INCONCLUSIVE, f"{values}: {DID_NOT_KEEP_UP}: {late}", decided)
    ratio, low, high = math.exp(decided.estimate), math.exp(decided.lower), math.exp(decided.upper)
    line = f"{values}, {ratio:.3g} times as bad ({low:.3g} to {high:.3g}), allowed {1 + margin:.3g}"
    difference = (contrast.candidate or 0.0) - (contrast.baseline or 0.0)
    if status is Status.FAIL and contrast.unit == "s" and difference < _RESOLUTION:
        status, line = (
            Status.INCONCLUSIVE,
            f"{line}; under {describe_time(_RESOLUTION)} apart, which a client cannot tell",
        )
    return _Outcome(contrast, status, line, decided)


def _judge_share(contrast: Contrast, margin: float, alpha_fail: float) -> _Outcome:
    limit = ERROR_MARGIN
    if contrast.metric == GOODPUT.name:
        limit = margin * (1 - (contrast.baseline or 0.0))
    if not contrast.n or not contrast.baseline_n or not 0 < limit < 1:
        return _Outcome(contrast, Status.INCONCLUSIVE, f"{contrast.label}: nothing to compare")
    decided = judge_share_difference(contrast.counts, limit, ALPHA, alpha_fail)
    values = f"{contrast.label}: {contrast.candidate:.3g} against {contrast.baseline:.3g}"
    bounds = f"{decided.estimate:+.3g} ({decided.lower:+.3g} to {decided.upper:+.3g}), allowed {limit:+.3g}"
    return _Outcome(contrast, _STATUSES[decided.decision], f"{values}, {bounds}", decided)


_RESOLUTION = 1e-4
"""Seconds by which two times must differ to be told apart: a load generator reads a socket some 10 µs late or more."""

_STATUSES = {"pass": Status.PASS, "fail": Status.FAIL, "inconclusive": Status.INCONCLUSIVE}


def _find_unlikeness(contrast: Contrast, result: LoadResult, other: LoadResult) -> str:
    """Why this metric of the two is not alike; empty where it is."""
    metric = contrast.metric
    if metric in (TTFT.name, TTFOT.name, INTER_TOKEN.name) and (bursts := result.bursts or other.bursts):
        return bursts
    if metric == TPOT.name and (count := result.in_chunks or other.in_chunks):
        return f"{count} answers state no tokens (usage)"
    tokens = next((part for part in result.contrasts if part.metric == TOKEN_RATE.name), None)
    if metric not in (LATENCY.name, TOKEN_RATE.name) or tokens is None or not tokens.n or not tokens.baseline_n:
        return ""
    lengths = (tokens.candidate or 0) / tokens.n, (tokens.baseline or 0) / tokens.baseline_n
    if abs(lengths[0] - lengths[1]) <= _ALIKE * lengths[1]:
        return ""
    return f"an answer has {lengths[0]:.3g} tokens in the mean, and {lengths[1]:.3g} at the baseline"


def _combine(outcomes: Sequence[_Outcome], result: LoadResult, margin: float) -> Verdict:
    by_status: dict[Status, list[_Outcome]] = {status: [] for status in _STATUSES.values()}
    for outcome in outcomes:
        by_status[outcome.status].append(outcome)
    status, evidence = Status.PASS, outcomes
    for worst in (Status.INCONCLUSIVE, Status.FAIL):
        if by_status[worst]:
            status, evidence = worst, by_status[worst]
    n_metrics = len(outcomes)
    reason = f"no worse than {result.baseline_url} by more than {margin:.0%} in any of {n_metrics} metrics"
    if status is Status.FAIL:
        reason = f"worse than {result.baseline_url} by more than {margin:.0%}: {evidence[0].line}"
    elif status is Status.INCONCLUSIVE:
        reason = f"not decided in {len(evidence)} of {n_metrics} metrics: {evidence[0].line}{_advise(evidence, result)}"
    worse = {outcome.contrast.metric for outcome in by_status[Status.FAIL]}
    examples = result.failures if ERROR_RATE.name in worse else ()
    return Verdict(
        status,
        reason,
        n=result.judged,
        method=_METHOD,
        confidence=1 - ALPHA,
        slices=tuple(map(_make_slice, outcomes)),
        baseline=Baseline(result.baseline_url, margin=margin),
        counterexamples=examples,
        notes=(*(f"{one.status}: {one.line}" for one in outcomes), _ASSUMES),
    )


def _advise(open_ones: Sequence[_Outcome], result: LoadResult) -> str:
    """How long a load decides what is open, as far as that is known."""
    growth = 0.0
    for one in open_ones:
        if one.decision is None or one.decision.n_needed is None:
            continue
        n = one.contrast.n if one.contrast.counts else len(one.contrast.left_out)
        growth = max(growth, one.decision.n_needed / n)
    return f"; about {growth * result.seconds:.0f} s of each decide" if growth else ""


def _make_slice(outcome: _Outcome) -> Slice:
    contrast, decided = outcome.contrast, outcome.decision
    if decided is None:
        return Slice(contrast.label, contrast.n, None)
    if contrast.counts:
        return Slice(contrast.label, contrast.n, decided.estimate, (decided.lower, decided.upper))
    bounds = math.exp(decided.lower), math.exp(decided.upper)
    return Slice(contrast.label, contrast.n, math.exp(decided.estimate), bounds)


def _format(value: float | None, contrast: Contrast) -> str:
    if value is None:
        return "none"
    return describe_time(value) if contrast.unit == "s" else f"{value:.4g} {contrast.unit}"
