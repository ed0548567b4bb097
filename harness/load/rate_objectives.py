"""Verdicts on how much a service does per second: requests, tokens, rows.

What ended in each time block is counted, whenever it was due, so that answers which a queue holds back until after the
schedule are not in the rate. Tested in tests/load/test_rate_objectives.py.
"""

from __future__ import annotations

import math
from typing import Any

from harness.core.arrival_settings import STEADY
from harness.core.load import LoadResult
from harness.core.metric import LATENCY, LIMITED_RATES, REQUEST_RATE, ROW_RATE, TOKEN_RATE
from harness.core.objective import Objective
from harness.core.plan import PlannedCheck
from harness.core.verdict import Status, Verdict, make_inconclusive
from harness.run.rate_judging import describe_window
from harness.stats.dependence import FEWEST_REQUESTS, TIME_BLOCKS
from harness.stats.histogram import Histogram
from harness.stats.throughput import ThroughputBounds, bound_throughput

_SHORTEST = 1.0
"""Seconds below which a load is one moment in the life of a service."""

_SETTLED_SHARE, _FEWEST_SETTLED = 0.99, TIME_BLOCKS // 3
"""After the time in which this share of answers came, as much ends as is sent; of so many blocks a FAIL is made."""

_MARGIN = 1.1
"""By how much the rate that a message proposes is over the limit, so that the noise of the arrivals does not decide."""


def judge_throughput(result: LoadResult, objective: Objective, check: PlannedCheck) -> Verdict:
    """Judge what ended per second: PASS where its lower bound is at least the limit, FAIL where the upper is under it.

    A load cannot show more than it asks for: a limit over that is INCONCLUSIVE. A FAIL is judged from the moment on
    when the answers to the first requests had come.
    """
    counts = result.blocks[objective.metric].n
    answers = sum(result.blocks[REQUEST_RATE.name].n)
    if reason := _find_obstacle(result, objective, sum(counts)):
        return make_inconclusive(reason, n=answers)
    per_answer = sum(counts) / answers if answers else 1.0
    offered = math.inf if result.loop else (result.generator.target_rate or 0.0) * per_answer
    if offered < objective.limit:
        return make_inconclusive(_explain_small_load(result, objective, per_answer), n=answers)
    alphas, block_seconds = (objective.alpha, check.alpha_fail or objective.alpha), result.seconds / TIME_BLOCKS
    whole = bound_throughput(counts, block_seconds, *alphas)
    bounds = ThroughputBounds(whole.estimate, min(whole.lower, offered), whole.upper)
    if bounds.lower >= objective.limit:
        notes = (describe_window(result.seconds),)
        return _make_verdict(Status.PASS, bounds, objective, answers, "the limit is kept", notes=notes)
    if result.loop:
        why = "callers who wait for an answer ask no more than this: give more of them, or a load with a rate"
        return _make_verdict(Status.INCONCLUSIVE, bounds, objective, answers, why)
    first = math.ceil(_measure_settling(result) / block_seconds)
    if TIME_BLOCKS - first < _FEWEST_SETTLED:
        why = "answers take so long that the load ends before as many end as are sent: give a longer [load] duration"
        return _make_verdict(Status.INCONCLUSIVE, bounds, objective, answers, why)
    settled = bound_throughput(counts[first:], block_seconds, *alphas)
    if settled.upper >= objective.limit:
        why = "neither more nor less than the limit is shown: run longer, or ask for more"
        return _make_verdict(Status.INCONCLUSIVE, bounds, objective, answers, why)
    due = sum(result.blocks["error_rate"].n) / result.seconds * per_answer
    if due < objective.limit:
        why = f"by chance only {due:.4g}/s were due: ask for more"
        return _make_verdict(Status.INCONCLUSIVE, bounds, objective, answers, why)
    examples = (*result.broken, *result.failures)
    return _make_verdict(Status.FAIL, settled, objective, answers, "the limit is refuted", counterexamples=examples)


def _find_obstacle(result: LoadResult, objective: Objective, total: int) -> str:
    """Why this load shows no rate of this kind; empty where it does."""
    if result.shape != STEADY:
        return f"a rate per second is judged under a steady load, and this one was a {result.shape}"
    if result.judged < FEWEST_REQUESTS or result.seconds < _SHORTEST:
        few = f"{result.judged} requests in {result.seconds:.3g} s show no rate"
        return f"{few}: at least {FEWEST_REQUESTS} in {_SHORTEST:g} s are needed"
    if objective.metric == TOKEN_RATE.name:
        unstated = sum(result.blocks[TOKEN_RATE.name].over_limit(0.0))
        if unstated:
            return f"{unstated} answers state no tokens (usage): how many there were is not known"
        if not total:
            return "no answer within the load states how many tokens it has"
    if objective.metric == ROW_RATE.name and not total:
        return "no request with rows was answered, or not every request has the same number of rows"
    return ""


def _explain_small_load(result: LoadResult, objective: Objective, per_answer: float) -> str:
    asked = f"the load asks {result.generator.target_rate or 0.0:.4g} requests/s"
    if objective.metric != REQUEST_RATE.name:
        asked += f", with {per_answer:.4g} {_get_unit(objective).removesuffix('/s')} each"
    needed = _MARGIN * objective.limit / per_answer
    return f"{asked}: {objective.text} cannot be shown; give a [load] rate of about {needed:.3g}"


def _measure_settling(result: LoadResult) -> float:
    """The seconds within which nearly all answers that came did; 0 where none came."""
    sample = Histogram.from_sparse(result.histograms.get(LATENCY.name, {}))
    came = sum(count for number, count in sample.buckets() if number != math.inf)
    return sample.quantile(_SETTLED_SHARE * came / sample.n) if came else 0.0


def _get_unit(objective: Objective) -> str:
    return next(metric.unit for metric in LIMITED_RATES if metric.name == objective.metric)


def _make_verdict(
    status: Status, bounds: ThroughputBounds, objective: Objective, answers: int, why: str, **evidence: Any
) -> Verdict:
    unit, confidence = _get_unit(objective), 1 - objective.alpha
    shown = f"{bounds.estimate:.4g} {unit}, from {bounds.lower:.4g} to {bounds.upper:.4g} at {confidence:.0%} a side"
    return Verdict(
        status,
        f"{shown}: {why}",
        metric=objective.metric.replace("_", " "),
        unit=unit,
        direction=objective.direction,
        estimate=bounds.estimate,
        ci=(bounds.lower, bounds.upper),
        confidence=confidence,
        method="Student's t over time blocks, at the window length with the widest interval, shifted for skew",
        n=answers,
        limit=objective.limit,
        **evidence,
    )
