"""Judge an objective by asking the endpoint at random moments until its guarded sequential test ends.

Tested in tests/wrong_verdicts/test_vacuous_passes.py and tests/run/test_objective.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace

from harness.checks.common import Show
from harness.core.errors import ErrorClass
from harness.core.exchange import Exchange
from harness.core.objective import Objective
from harness.core.plan import PlannedCheck
from harness.core.verdict import Counterexample, Verdict, make_error, make_inconclusive
from harness.core.visible_text import cut_text
from harness.io.clock import Clock
from harness.run.fixed_sample import FixedSample
from harness.run.kept_samples import KeptSamples, restore_values
from harness.run.open_loop import OpenLoop, WarmUp, warm_up
from harness.run.planning import make_rate_test
from harness.run.progress import Progress
from harness.run.rate_judging import (
    describe_dependence,
    describe_miss,
    describe_window,
    explain_undecided,
    make_rate_verdict,
)
from harness.run.session import Session
from harness.stats.dependence import compute_length_needed
from harness.stats.guarded_test import GuardedRateTest, compute_least_n
from harness.stats.planning import compute_n_needed


@dataclass(slots=True)
class _Samples:
    """What the test has counted so far: `failed` requests, the first that was over its limit as `worst`.

    `first` and `last` are when the first and the last of it were due.
    """

    worst: Exchange | None = None
    failed: int = 0
    values: list[float] = field(default_factory=list)
    first: float = math.inf
    last: float = 0.0

    @property
    def seconds(self) -> float:
        """From the first request to the last."""
        return max(0.0, self.last - self.first)


def judge_objective(
    session: Session,
    objective: Objective,
    check: PlannedCheck,
    baseline: Session | None = None,
    progress: Progress | None = None,
    sample: KeptSamples | None = None,
) -> Verdict:
    """Sample one query of the session in open loop until the test decides or its cap is reached.

    With a baseline configured the sampling goes on to the cap, so that the comparison has a sample of fixed size; a
    `baseline` session is asked at the same moments. The objective's own verdict is final when its test ends, and does
    not depend on the baseline. `sample` gets every request that was counted.
    """
    query = session.sample(stream=objective.streamed)
    settings, clock = session.settings, session.client.clock
    fixed = FixedSample(objective.cap if settings.baseline else 0)

    def send_all(warm: WarmUp) -> Iterator[Sequence[Exchange]]:
        sessions, usual = [session], warm.usual
        if baseline is not None:
            other = warm_up(lambda: baseline.ask(query, again=False), clock)
            if other.answered:
                sessions.append(baseline)
                usual = max(usual, other.usual)
            else:
                fixed.down = f"answered none of {other.requests} warm-up requests: {other.failure}"
        if objective.is_latency:
            usual = min(usual, objective.limit)
        window = settings.profile.window
        loop = OpenLoop(sessions, query, usual=usual, requests=objective.cap, window=window, seed=settings.seed)
        return loop.ask()

    with ExitStack() as refusals:
        for one in (session, baseline):
            if one is not None:
                refusals.enter_context(one.client.see_refusals(paced=True))
        verdict = _judge_samples(
            lambda: session.ask(query, again=False),
            send_all,
            clock,
            objective,
            check,
            session.show,
            fixed,
            window_key=f"[profile.{settings.profile.name}] window",
            progress=progress,
        )
    if sample is not None:
        sample.fill(fixed)
    return verdict.with_notes("one input was repeated") if verdict.estimate is not None else verdict


def judge_sampled(
    ask: Callable[[], Exchange], clock: Clock, objective: Objective, check: PlannedCheck, show: Show
) -> Verdict:
    """Sample by `ask`, which sends one inference a call and waits for its end, until the test decides."""

    def send_in_turn(_: WarmUp) -> Iterator[Sequence[Exchange]]:
        while True:
            yield [ask()]

    verdict = _judge_samples(ask, send_in_turn, clock, objective, check, show, FixedSample(0))
    return verdict.with_notes("asked one after the other: a pause of the service costs one request, however long it is")


def _judge_samples(
    ask_warm_up: Callable[[], Exchange],
    send: Callable[[WarmUp], Iterator[Sequence[Exchange]]],
    clock: Clock,
    objective: Objective,
    check: PlannedCheck,
    show: Show,
    fixed: FixedSample,
    *,
    window_key: str = "",
    progress: Progress | None = None,
) -> Verdict:
    """Warm up, then count what `send` yields until the test decides and `fixed` is full.

    `window_key` is the key that spreads the requests over a longer time. Each item holds the answer of the endpoint
    and, where one is compared, that of the baseline. A latency objective counts a request as over when its answer took
    longer than the limit or failed; an error of the harness itself ends the sampling with ERROR.
    """
    assert check.alpha_fail is not None
    warm = warm_up(ask_warm_up, clock)
    if warm.broken is not None:
        return make_error(f"the harness broke in the warm-up: {warm.broken.detail}", n=0)
    test, samples = GuardedRateTest(make_rate_test(objective, check.alpha_fail), objective.limit), _Samples()
    fixed.warm_up = warm.requests
    if progress is not None:
        progress.remark_with(lambda: _describe_so_far(test, objective))
    with closing(send(warm)) as answers:  # type: ignore[type-var]
        for exchange, *others in answers:
            for one in (exchange, *others):
                if one.error is ErrorClass.HARNESS:
                    return make_error(f"the harness broke while sampling: {one.detail}", n=test.n)
            value, other = get_bounded_value(exchange, objective), next(iter(others), None)
            other_value = None if other is None else get_bounded_value(other, objective)
            fixed.add(value, other_value, other, exchange.timing.intended)
            _count(samples, test, exchange, objective)
            if test.decision is not None and fixed.is_full:
                break
    slices = fixed.make_slices(objective, min(objective.alpha, check.alpha_fail))
    verdict = _make_verdict(show, objective, test, samples, warm.requests, window_key)
    return replace(verdict, slices=slices).with_notes(*fixed.make_notes())


def judge_kept(sample: KeptSamples, objective: Objective, check: PlannedCheck, *, compares: bool = False) -> Verdict:
    """The verdict that the requests of an earlier run give by this objective, counted in their order; nothing is sent.

    A sample that ended before this rule could decide is INCONCLUSIVE. With `compares` its slices are those that a
    comparison reads.
    """
    assert check.alpha_fail is not None
    test, samples = GuardedRateTest(make_rate_test(objective, check.alpha_fail), objective.limit), _Samples(first=0.0)
    fixed = FixedSample(objective.cap if compares else 0, down=sample.down)
    fixed.values, fixed.baseline_values = restore_values(sample.values), restore_values(sample.baseline)
    for value, due in zip(fixed.values, sample.due, strict=True):
        if test.decision is None:
            test.add(value, value > objective.limit)
            samples.last = max(samples.last, due)
            samples.failed += math.isinf(value)
            if math.isfinite(value) and objective.is_latency:
                samples.values.append(value)
    if not test.n:
        return make_inconclusive("that run counted no request", n=0)
    verdict = _make_verdict(_show_nothing, objective, test, samples, sample.warm_up, "")
    slices = fixed.make_slices(objective, min(objective.alpha, check.alpha_fail))
    note = f"the requests are those of {sample.objective}, which decided how many were sent"
    return replace(verdict, slices=slices).with_notes("one input was repeated", note, *fixed.make_notes())


def _show_nothing(summary: str, exchange: Exchange) -> Counterexample:
    return Counterexample(summary)


def _describe_so_far(test: GuardedRateTest, objective: Objective) -> str:
    """The interval of the share over the limit, for who watches it narrow."""
    if not test.n:
        return ""
    low, high = test.compute_bounds()
    return f"{test.k} of {test.n} over, {low:.1%} to {high:.1%} (budget {objective.budget:.1%})"


def _count(samples: _Samples, test: GuardedRateTest, exchange: Exchange, objective: Objective) -> None:
    if test.decision is not None:
        return
    over = _is_over(exchange, objective)
    test.add(get_bounded_value(exchange, objective), over)
    samples.first = min(samples.first, exchange.timing.intended)
    samples.last = max(samples.last, exchange.timing.intended)
    if (value := _get_time(exchange, objective)) is not None:
        samples.values.append(value)
    samples.failed += not exchange.ok
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


def _make_verdict(
    show: Show, objective: Objective, test: GuardedRateTest, samples: _Samples, warm_up_requests: int, window_key: str
) -> Verdict:
    k, n, seconds, judged = test.k, test.n, samples.seconds, test.judged
    limits, alphas = (objective.budget, objective.loosened), (objective.alpha, test.test.alpha_fail)
    what = f"requests in the {seconds:.3g} s of this sample {_describe_over(objective, samples, k)}"
    notes = [f"{warm_up_requests} warm-up requests were not counted", *_describe_percentile(objective, samples)]
    needed, undecided = None, ""
    if judged is not None:
        notes.append(describe_dependence(judged))
    if test.decision in (None, "inconclusive") and judged is None:
        needed = compute_n_needed(k, n, *limits, *alphas)
    elif test.decision == "inconclusive" and judged is not None:
        needed = compute_length_needed(k, n, judged.dependence, limits, alphas)
        undecided = explain_undecided(judged, needed, n, seconds, window_key)
    elif test.decision == "pass":
        notes.append(describe_window(seconds))
    if test.decision is None:
        if needed is not None and k <= objective.loosened * n:
            needed = max(needed, compute_least_n(objective.loosened, test.test.cap))
        undecided = f"the {n} requests that were sent decide nothing by this rule, which takes up to {test.test.cap}"
    return make_rate_verdict(
        test.decision,
        k,
        n,
        objective,
        test.compute_bounds(),
        estimate=test.estimate(),
        what=what,
        undecided=undecided,
        examples=(show(_describe_example(samples.worst, k), samples.worst),) if samples.worst else (),
        method=test.method,
        n_needed=needed,
        notes=tuple(notes),
    )


def _describe_over(objective: Objective, samples: _Samples, k: int) -> str:
    """What the k requests over the limit did: they failed, or took too long, or some of each."""
    if not k or not objective.is_latency or samples.worst is None:
        return describe_miss(objective)
    if samples.failed == k:
        return f"failed, which counts as over the limit ({cut_text(samples.worst.outcome, 100)})"
    slow = f"took longer than {objective.limit * 1e3:g} ms"
    if samples.failed:
        return f"{slow} or failed ({samples.failed} failed)"
    return slow


def _describe_example(exchange: Exchange, over: int) -> str:
    """The first of the requests that were over the limit, in words."""
    if exchange.error:
        return f"the first of {over} failed: {exchange.error.replace('_', ' ')}: {exchange.detail}"
    latency = exchange.timing.latency
    if latency is not None:
        return f"the first of {over} took {latency * 1e3:.4g} ms in all"
    return f"the first of {over}"


def _describe_percentile(objective: Objective, samples: _Samples) -> tuple[str, ...]:
    if objective.quantile is None or not samples.values:
        return ()
    ranked = sorted(samples.values)
    value = ranked[math.ceil(objective.quantile * len(ranked) - 1e-9) - 1]
    percentile = f"p{objective.quantile * 100:g} of {len(ranked)} answers: {value * 1e3:.4g} ms"
    return (f"observed {percentile} (not what is judged)",)
