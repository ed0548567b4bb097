"""Judge an objective by asking the endpoint, one request after the other, until its sequential test ends."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from harness.checks.common import Show
from harness.core.errors import ErrorClass
from harness.core.exchange import Exchange
from harness.core.objective import Objective
from harness.core.plan import PlannedCheck
from harness.core.verdict import Counterexample, Slice, Status, Verdict, error
from harness.run.planning import rate_test
from harness.run.session import Session
from harness.stats.intervals import clopper_pearson_lower, clopper_pearson_upper
from harness.stats.planning import n_needed
from harness.stats.sequential import Sequential

WARM_UP = 3
"""Requests sent before the sampling and not counted: cold starts are not the steady state (verdicts.md, trap 2)."""

CANDIDATE, BASELINE = "fixed sample", "fixed sample of the baseline"
"""Names of the slices that a comparison reads."""


@dataclass(slots=True)
class _Seen:
    asked: int = 0
    over: int = 0
    over_baseline: int = 0
    baseline_failed: bool = False
    worst: Exchange | None = None
    values: list[float] = field(default_factory=list)
    failed: int = 0


def judge_objective(
    session: Session, objective: Objective, check: PlannedCheck, baseline: Session | None = None
) -> Verdict:
    """Sample until the test decides or its cap is reached.

    With a baseline configured the sampling goes on to the cap, so that the comparison has a sample of fixed size; a
    `baseline` session is asked in turn, request by request. The objective's own verdict is final when its test ends.

    A latency objective counts a request as over when its answer took longer than the limit or failed; an error of
    the harness itself ends the sampling with ERROR.
    """
    assert check.alpha_fail is not None
    stream = objective.metric == "ttft"
    query = session.sample(stream=stream)
    for _ in range(WARM_UP):
        session.ask(query)
    state = Sequential(rate_test(check, check.alpha_fail))
    seen = _Seen()
    fixed = objective.cap if session.settings.baseline else 0
    while state.decision is None or seen.asked < fixed:
        exchange = session.ask(query)
        other = baseline.ask(query) if baseline and seen.asked < fixed else None
        for found in (exchange, other):
            if found is not None and found.error is ErrorClass.HARNESS:
                return error(f"the harness broke while sampling: {found.detail}", n=state.n)
        if other is not None and other.error:
            if other.error.never_reached:
                return error(f"the baseline was not reached: {other.detail}", n=state.n)
            # A baseline that fails would flatter the candidate.
            seen.baseline_failed |= objective.metric != "error_rate"
        over = _over(exchange, objective)
        seen.asked += 1
        seen.over += over
        seen.over_baseline += other is not None and _over(other, objective)
        if state.decision is None:
            _remember(seen, exchange, objective, over)
            state.add(over)
    verdict = _verdict(session.show, objective, check, state, seen, "; one input was repeated")
    samples = [Slice(CANDIDATE, fixed, seen.over / fixed)] if fixed and seen.asked == fixed else []
    if samples and baseline and not seen.baseline_failed:
        samples.append(Slice(BASELINE, fixed, seen.over_baseline / fixed))
    return replace(verdict, slices=tuple(samples))


def judge_asked(ask: Callable[[], Exchange], objective: Objective, check: PlannedCheck, show: Show) -> Verdict:
    """Sample by `ask`, which sends one inference a call, until the test decides or its cap is reached."""
    assert check.alpha_fail is not None
    for _ in range(WARM_UP):
        ask()
    state, seen = Sequential(rate_test(check, check.alpha_fail)), _Seen()
    while state.decision is None:
        exchange = ask()
        if exchange.error is ErrorClass.HARNESS:
            return error(f"the harness broke while sampling: {exchange.detail}", n=state.n)
        over = _over(exchange, objective)
        seen.asked += 1
        _remember(seen, exchange, objective, over)
        state.add(over)
    return _verdict(show, objective, check, state, seen, "")


def value_of(exchange: Exchange, objective: Objective) -> float:
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
    return value_of(exchange, objective) > objective.limit


def _value(exchange: Exchange, objective: Objective) -> float | None:
    return exchange.timing.ttft if objective.metric == "ttft" else exchange.timing.latency


def _remember(seen: _Seen, exchange: Exchange, objective: Objective, over: bool) -> None:
    seen.failed += not exchange.ok
    value = _value(exchange, objective)
    if value is not None:
        seen.values.append(value)
    if over and seen.worst is None:
        seen.worst = exchange


def _verdict(
    show: Show, objective: Objective, check: PlannedCheck, state: Sequential, seen: _Seen, repeated: str
) -> Verdict:
    status = {"pass": Status.PASS, "fail": Status.FAIL}.get(state.decision or "", Status.INCONCLUSIVE)
    n, k = state.n, state.k
    lower, upper = clopper_pearson_lower(k, n, objective.alpha), clopper_pearson_upper(k, n, objective.alpha)
    assert check.alpha_fail is not None
    needed = None
    if status is Status.INCONCLUSIVE:
        needed = n_needed(k, n, objective.budget, objective.loosened, objective.alpha, check.alpha_fail)
    what = "failed" if objective.metric == "error_rate" else f"took longer than {objective.limit * 1e3:g} ms or failed"
    said = {
        Status.PASS: f"a share of {objective.loosened * 100:.3g} % is refuted",
        Status.FAIL: f"the budget of {objective.budget * 100:.3g} % is refuted",
        Status.INCONCLUSIVE: f"neither {objective.budget * 100:.3g} % nor {objective.loosened * 100:.3g} % is refuted",
    }[status]
    examples: tuple[Counterexample, ...] = ()
    if seen.worst is not None and status is not Status.PASS:
        examples = (show(f"one of {k} of {n} requests that {what}", seen.worst),)
    return Verdict(
        status,
        f"{k} of {n} requests {what}: {said}",
        metric=f"share over the limit of {objective.text}" if objective.metric != "error_rate" else "error rate",
        unit="",
        direction="<=",
        estimate=k / n,
        ci=(lower, upper),
        confidence=1 - objective.alpha,
        method="truncated e-process and one Clopper-Pearson look at the cap",
        n=n,
        n_needed=needed,
        limit=objective.budget,
        limit_loosened=objective.loosened,
        counterexamples=examples,
        notes=(f"{WARM_UP} warm-up requests were not counted{repeated}", *_percentile(objective, seen)),
    )


def _percentile(objective: Objective, seen: _Seen) -> tuple[str, ...]:
    if objective.quantile is None or not seen.values:
        return ()
    values = sorted(seen.values)
    at = values[min(len(values) - 1, int(objective.quantile * len(values)))]
    return (f"observed p{objective.quantile * 100:g} of {len(values)} answers: {at * 1e3:.4g} ms (not what is judged)",)
