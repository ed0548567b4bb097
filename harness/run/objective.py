"""Judge an objective by asking the endpoint, one request after the other, until its sequential test ends.

Tested in tests/wrong_verdicts/test_vacuous_passes.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from harness.checks.common import Show
from harness.core.errors import ErrorClass
from harness.core.exchange import Exchange
from harness.core.objective import Objective
from harness.core.plan import PlannedCheck
from harness.core.verdict import Slice, Verdict, make_error
from harness.run.planning import WARM_UP_REQUESTS, make_rate_test
from harness.run.rate_judging import compute_rate_bounds, describe_miss, make_rate_verdict
from harness.run.session import Session
from harness.stats.planning import compute_n_needed
from harness.stats.sequential import SequentialRateTest

CANDIDATE_SAMPLE, BASELINE_SAMPLE = "fixed sample", "fixed sample of the baseline"
"""Names of the slices that a comparison reads."""


@dataclass(slots=True)
class _Samples:
    """What was asked so far: all, and those over the limit; `baseline_over` is None once the baseline failed."""

    asked: int = 0
    over: int = 0
    baseline_over: int | None = 0
    worst: Exchange | None = None
    values: list[float] = field(default_factory=list)


def judge_objective(
    session: Session, objective: Objective, check: PlannedCheck, baseline: Session | None = None
) -> Verdict:
    """Sample one query of the session until the test decides or its cap is reached.

    With a baseline configured the sampling goes on to the cap, so that the comparison has a sample of fixed size; a
    `baseline` session is asked in turn, request by request. The objective's own verdict is final when its test ends.
    """
    query = session.sample(stream=objective.streamed)
    with session.client.see_refusals(paced=True):
        verdict = judge_sampled(
            lambda: session.ask(query, again=False),
            objective,
            check,
            session.show,
            (lambda: baseline.ask(query, again=False)) if baseline else None,
            fixed=objective.cap if session.settings.baseline else 0,
        )
    return verdict.with_notes("one input was repeated") if verdict.estimate is not None else verdict


def judge_sampled(
    ask: Callable[[], Exchange],
    objective: Objective,
    check: PlannedCheck,
    show: Show,
    ask_baseline: Callable[[], Exchange] | None = None,
    *,
    fixed: int = 0,
) -> Verdict:
    """Sample by `ask`, which sends one inference a call, until the test decides and `fixed` were asked.

    A latency objective counts a request as over when its answer took longer than the limit or failed; an error of
    the harness itself ends the sampling with ERROR.
    """
    assert check.alpha_fail is not None
    for _ in range(WARM_UP_REQUESTS):
        ask()
    test, samples = SequentialRateTest(make_rate_test(objective, check.alpha_fail)), _Samples()
    while test.decision is None or samples.asked < fixed:
        exchange = ask()
        if exchange.error is ErrorClass.HARNESS:
            return make_error(f"the harness broke while sampling: {exchange.detail}", n=test.n)
        if ask_baseline and samples.asked < fixed:
            other = ask_baseline()
            if problem := _explain_useless_baseline(other):
                return make_error(problem, n=test.n)
            _count_baseline(samples, other, objective)
        _count(samples, test, exchange, objective)
    slices = []
    if samples.asked == fixed:
        slices.append(Slice(CANDIDATE_SAMPLE, fixed, samples.over / fixed))
        if ask_baseline and samples.baseline_over is not None:
            slices.append(Slice(BASELINE_SAMPLE, fixed, samples.baseline_over / fixed))
    return replace(_make_verdict(show, objective, test, samples), slices=tuple(slices))


def _explain_useless_baseline(exchange: Exchange) -> str:
    if exchange.error is ErrorClass.HARNESS:
        return f"the harness broke while sampling: {exchange.detail}"
    if exchange.error and exchange.error.is_before_contact:
        return f"the baseline was not reached: {exchange.detail}"
    return ""


def _count_baseline(samples: _Samples, exchange: Exchange, objective: Objective) -> None:
    if exchange.error and objective.is_latency:
        samples.baseline_over = None  # a baseline that fails would flatter the candidate
    elif samples.baseline_over is not None:
        samples.baseline_over += _is_over(exchange, objective)


def _count(samples: _Samples, test: SequentialRateTest, exchange: Exchange, objective: Objective) -> None:
    over = _is_over(exchange, objective)
    samples.asked += 1
    samples.over += over
    if test.decision is None:
        test.add(over)
        if (value := _get_time(exchange, objective)) is not None:
            samples.values.append(value)
        if over and samples.worst is None:
            samples.worst = exchange


def get_bounded_value(exchange: Exchange, objective: Objective) -> float:
    """What the objective's limit is compared with, in its unit; infinite for a failure.

    Of an error rate it is 0 for a success, which is below every limit.
    """
    if not exchange.ok:
        return math.inf
    if not objective.is_latency:
        return 0.0
    value = _get_time(exchange, objective)
    return math.inf if value is None else value


def _is_over(exchange: Exchange, objective: Objective) -> bool:
    return get_bounded_value(exchange, objective) > objective.limit


def _get_time(exchange: Exchange, objective: Objective) -> float | None:
    return exchange.timing.ttft if objective.streamed else exchange.timing.latency


def _make_verdict(show: Show, objective: Objective, test: SequentialRateTest, samples: _Samples) -> Verdict:
    k, n, alpha, needed = test.k, test.n, objective.alpha, None
    if test.decision == "inconclusive":
        needed = compute_n_needed(k, n, objective.budget, objective.loosened, alpha, test.test.alpha_fail)
    what = f"requests {describe_miss(objective)}"
    return make_rate_verdict(
        test.decision,
        k,
        n,
        objective,
        compute_rate_bounds(k, n, alpha),
        what=what,
        examples=(show(f"one of {k} of {n} {what}", samples.worst),) if samples.worst else (),
        method="truncated e-process and one Clopper-Pearson look at the cap",
        n_needed=needed,
        notes=(f"{WARM_UP_REQUESTS} warm-up requests were not counted", *_describe_percentile(objective, samples)),
    )


def _describe_percentile(objective: Objective, samples: _Samples) -> tuple[str, ...]:
    if objective.quantile is None or not samples.values:
        return ()
    ranked = sorted(samples.values)
    value = ranked[min(len(ranked) - 1, int(objective.quantile * len(ranked)))]
    percentile = f"p{objective.quantile * 100:g} of {len(ranked)} answers: {value * 1e3:.4g} ms"
    return (f"observed {percentile} (not what is judged)",)
