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
from harness.run.planning import WARM_UP, make_rate_test
from harness.run.rate_judging import compute_rate_bounds, describe_miss, make_rate_verdict
from harness.run.session import Session
from harness.stats.planning import compute_n_needed
from harness.stats.sequential import SequentialRateTest

CANDIDATE_SAMPLE, BASELINE_SAMPLE = "fixed sample", "fixed sample of the baseline"
"""Names of the slices that a comparison reads."""


@dataclass(slots=True)
class _Seen:
    """What was asked so far: all, and those over the limit; `baseline_over` is None once it can say nothing."""

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
    for _ in range(WARM_UP):
        ask()
    state, seen = SequentialRateTest(make_rate_test(objective, check.alpha_fail)), _Seen()
    while state.decision is None or seen.asked < fixed:
        exchange = ask()
        other = ask_baseline() if ask_baseline and seen.asked < fixed else None
        for found in (exchange, other):
            if found is not None and found.error is ErrorClass.HARNESS:
                return make_error(f"the harness broke while sampling: {found.detail}", n=state.n)
        if other is not None and other.error and other.error.is_before_contact:
            return make_error(f"the baseline was not reached: {other.detail}", n=state.n)
        if other is not None and seen.baseline_over is not None:
            # A baseline that fails would flatter the candidate.
            useless = other.error and objective.metric != "error_rate"
            seen.baseline_over = None if useless else seen.baseline_over + _over(other, objective)
        over = _over(exchange, objective)
        seen.asked += 1
        seen.over += over
        if state.decision is None:
            state.add(over)
            if (value := _value(exchange, objective)) is not None:
                seen.values.append(value)
            if over and seen.worst is None:
                seen.worst = exchange
    samples = [Slice(CANDIDATE_SAMPLE, fixed, seen.over / fixed)] if seen.asked == fixed else []
    if samples and ask_baseline and seen.baseline_over is not None:
        samples.append(Slice(BASELINE_SAMPLE, fixed, seen.baseline_over / fixed))
    return replace(_verdict(show, objective, state, seen), slices=tuple(samples))


def get_bounded_value(exchange: Exchange, objective: Objective) -> float:
    """What the objective's limit is compared with, in its unit; infinite for a failure.

    Of an error rate it is 0 for a success, which is below every limit.
    """
    if not exchange.ok:
        return math.inf
    if objective.metric == "error_rate":
        return 0.0
    value = _value(exchange, objective)
    return math.inf if value is None else value


def _over(exchange: Exchange, objective: Objective) -> bool:
    return get_bounded_value(exchange, objective) > objective.limit


def _value(exchange: Exchange, objective: Objective) -> float | None:
    return exchange.timing.ttft if objective.metric == "ttft" else exchange.timing.latency


def _verdict(show: Show, objective: Objective, state: SequentialRateTest, seen: _Seen) -> Verdict:
    k, n, alpha, needed = state.k, state.n, objective.alpha, None
    if state.decision == "inconclusive":
        needed = compute_n_needed(k, n, objective.budget, objective.loosened, alpha, state.test.alpha_fail)
    what = f"requests {describe_miss(objective)}"
    return make_rate_verdict(
        state.decision,
        k,
        n,
        objective,
        compute_rate_bounds(k, n, alpha),
        what=what,
        examples=(show(f"one of {k} of {n} {what}", seen.worst),) if seen.worst else (),
        method="truncated e-process and one Clopper-Pearson look at the cap",
        n_needed=needed,
        notes=(f"{WARM_UP} warm-up requests were not counted", *_percentile(objective, seen)),
    )


def _percentile(objective: Objective, seen: _Seen) -> tuple[str, ...]:
    if objective.quantile is None or not seen.values:
        return ()
    values = sorted(seen.values)
    at = values[min(len(values) - 1, int(objective.quantile * len(values)))]
    return (f"observed p{objective.quantile * 100:g} of {len(values)} answers: {at * 1e3:.4g} ms (not what is judged)",)
