"""Judge a rate at a fixed number of samples: independent ones (accuracy), or those of a load, which come in clumps."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.core.dataset import Dataset
from harness.core.objective import Objective
from harness.core.plan import PlannedCheck
from harness.core.verdict import Counterexample, Slice, Status, Verdict, make_inconclusive
from harness.stats.beta import binomial_cdf, binomial_sf
from harness.stats.dependence import (
    FEWEST_REQUESTS,
    WINDOWS,
    DependentDecision,
    compute_length_needed,
    count_over_own_quantiles,
    judge_dependent_rate,
    sum_into_blocks,
)
from harness.stats.intervals import clopper_pearson_lower, clopper_pearson_upper
from harness.stats.planning import compute_n_needed


def skip_repeated_rows(data: Dataset, numbers: Iterable[int]) -> Iterator[int]:
    """The rows that do not repeat an earlier one, label included: a row that is asked twice is not a second sample."""
    known = set()
    for number in numbers:
        row, label = data.inputs[number], data.labels[number] if data.labels else ""
        if isinstance(row, dict):
            row = json.dumps(row, sort_keys=True)
        key = hash((row if isinstance(row, str) else tuple(row), str(label)))  # the rows themselves may not fit
        if key not in known:
            known.add(key)
            yield number


def describe_miss(objective: Objective) -> str:
    """What a request did that missed a limit of latency or an error rate."""
    if objective.is_latency:
        return f"took longer than {objective.limit * 1e3:g} ms or failed"
    return "failed"


def make_rate_verdict(
    decision: str | None,
    k: int,
    n: int,
    objective: Objective,
    bounds: tuple[float, float],
    *,
    what: str,
    estimate: float | None = None,
    undecided: str = "",
    examples: tuple[Counterexample, ...] = (),
    **evidence: Any,
) -> Verdict:
    """The verdict over k bad ones of n, `what` saying what was bad about them ("rows were answered wrongly").

    `decision` is a test's "pass" or "fail"; anything else decides nothing, for the reason `undecided` where there is
    one. `bounds` are those of the bad share that decide, `estimate` its estimate where it is not k/n; an accuracy is
    shown as the share of good ones.
    """
    budget, loosened = f"{objective.budget * 100:.3g} %", f"{objective.loosened * 100:.3g} %"
    status, conclusion = Status.INCONCLUSIVE, undecided or f"neither {budget} nor {loosened} is refuted"
    if decision == "pass":
        status, conclusion = Status.PASS, f"a share of {loosened} is refuted"
    elif decision == "fail":
        status, conclusion = Status.FAIL, f"the budget of {budget} is refuted"
    estimate = k / n if estimate is None else estimate
    (lower, upper), limit, limit_loosened = bounds, objective.budget, objective.loosened
    if objective.direction == ">=":
        estimate, lower, upper = 1 - estimate, 1 - upper, 1 - lower
        limit, limit_loosened = 1 - limit, 1 - limit_loosened
    metric = objective.metric.replace("_", " ")
    if objective.is_latency:
        metric = f"share over the limit of {objective.text}"
    return Verdict(
        status,
        f"{k} of {n} {what}: {conclusion}",
        metric=metric,
        unit="",
        direction=objective.direction,
        estimate=estimate,
        ci=(lower, upper),
        confidence=1 - objective.alpha,
        n=n,
        limit=limit,
        limit_loosened=limit_loosened,
        counterexamples=() if status is Status.PASS else examples,
        **evidence,
    )


def compute_rate_bounds(k: int, n: int, alpha: float) -> tuple[float, float]:
    """The two one-sided bounds of a rate at alpha each."""
    return clopper_pearson_lower(k, n, alpha), clopper_pearson_upper(k, n, alpha)


def make_slice(name: str, wrong: int, n: int, alpha: float) -> Slice:
    """A part of the data, shown and not judged: the share of good ones, and its bounds at alpha each."""
    lower, upper = compute_rate_bounds(wrong, n, alpha)
    return Slice(name, n, 1 - wrong / n, (1 - upper, 1 - lower))


def judge_independent_samples(
    k: int,
    n: int,
    objective: Objective,
    check: PlannedCheck,
    *,
    what: str,
    declined: int = 0,
    unknown: str = "",
    **evidence: Any,
) -> Verdict:
    """The verdict over k bad ones of n independent samples; `what` and `evidence` as in `make_rate_verdict`.

    FAIL refutes the budget at the check's alpha_fail, PASS refutes the loosened budget at the objective's alpha, both
    by the exact binomial tail at this n. The bounds shown are Clopper-Pearson's at the same alphas, so that interval
    and verdict never contradict each other. `declined` of the k were refused with 429, which does not show whether they
    are bad: a FAIL does not rest on them; `unknown` is another reason why it is not known. Raises `ValueError` for k
    outside 0 to n, or more declined than bad ones.
    """
    if not 0 <= declined <= k <= n:
        raise ValueError(f"{k} of {n}, {declined} declined, is not a valid count")
    if n == 0:
        return make_inconclusive(f"no samples: it cannot be said how many {what}", notes=evidence.get("notes", ()))
    alpha, alpha_fail = objective.alpha, check.alpha_fail or objective.alpha
    bounds = clopper_pearson_lower(k - declined, n, alpha_fail), clopper_pearson_upper(k, n, alpha)
    evidence |= {"what": what, "method": "Clopper-Pearson at a fixed n"}
    if binomial_sf(k - declined, n, objective.budget) <= alpha_fail:
        return make_rate_verdict("fail", k, n, objective, bounds, **evidence)
    if binomial_cdf(k, n, objective.loosened) <= alpha:
        return make_rate_verdict("pass", k, n, objective, bounds, **evidence)
    if declined:
        undecided = unknown or f"{declined} of them were declined with 429, which does not show whether they are bad"
        return make_rate_verdict(None, k, n, objective, bounds, undecided=undecided, **evidence)
    needed = compute_n_needed(k, n, objective.budget, objective.loosened, alpha, alpha_fail, sequential=False)
    return make_rate_verdict(None, k, n, objective, bounds, n_needed=needed, **evidence)


@dataclass(frozen=True, slots=True)
class TimeBlocks:
    """The counts of the 60 time blocks of a run with dependent samples, each of length 60.

    Samples, those over the limit, and those over each of the run's own quantiles (none for failures, which have no
    size). `seconds` is the length of the run; 0 where it is not known.
    """

    n: tuple[int, ...]
    over: tuple[int, ...]
    over_quantiles: tuple[tuple[int, ...], ...] = ()
    seconds: float = 0.0


def split_into_blocks(
    values: Sequence[float], limit: float, seconds: float = 0.0, quantile: float = 1.0
) -> TimeBlocks | None:
    """Values in intended order, infinite for a failure, in 60 blocks of equal length; None for fewer than 40.

    `quantile` is the percentile that is judged (1: the largest value).
    """
    if len(values) < FEWEST_REQUESTS:
        return None
    own = count_over_own_quantiles(values, limit, quantile)
    over_quantiles = tuple(tuple(int(count) for count in row) for row in own)
    return TimeBlocks(_count_over(values, -math.inf), _count_over(values, limit), over_quantiles, seconds)


def _count_over(values: Sequence[float], limit: float) -> tuple[int, ...]:
    return tuple(int(count) for count in sum_into_blocks([int(value > limit) for value in values]))


def judge_dependent_samples(
    blocks: TimeBlocks | None,
    objective: Objective,
    check: PlannedCheck,
    *,
    what: str,
    notes: tuple[str, ...] = (),
    examples: tuple[Counterexample, ...] = (),
) -> Verdict:
    """The verdict over samples of a run with a fixed length, which may come in episodes (DESIGN 6.5).

    `what` as in `make_rate_verdict`. PASS covers the window of this run alone, and its notes say so.
    """
    if blocks is None or sum(blocks.n) < FEWEST_REQUESTS:
        few = f"fewer than {FEWEST_REQUESTS} requests do not show how they depend on one another"
        return make_inconclusive(few, n=0 if blocks is None else sum(blocks.n))
    if not all(np.reshape(blocks.n, (min(WINDOWS), -1)).sum(axis=1)):
        return make_inconclusive("a sixth of the run is without a request: it cannot be judged", n=sum(blocks.n))
    alpha, alpha_fail = objective.alpha, check.alpha_fail or objective.alpha
    counts, limits = (blocks.n, blocks.over, blocks.over_quantiles), (objective.budget, objective.loosened)
    test = judge_dependent_rate(*counts, *limits, alpha, alpha_fail)
    notes += (describe_dependence(test),)
    if test.decision == "pass":
        notes += (describe_window(blocks.seconds),)
    needed = None
    if test.decision == "inconclusive":
        needed = compute_length_needed(sum(blocks.over), sum(blocks.n), test.dependence, limits, (alpha, alpha_fail))
    evidence: dict[str, Any] = {"n_needed": needed, "examples": examples, "notes": notes}
    return make_rate_verdict(
        test.decision,
        sum(blocks.over),
        sum(blocks.n),
        objective,
        (test.lower, test.upper),
        what=what,
        undecided=explain_undecided(test, needed, sum(blocks.n), blocks.seconds),
        method="Clopper-Pearson at the effective n of independent episodes",
        **evidence,
    )


def describe_window(seconds: float) -> str:
    """What a PASS over so many seconds (0: not known) does not cover."""
    window, rare = "this run", "three times in it"
    if seconds:
        window, rare = f"the {seconds:.3g} s of this run", f"every {seconds / 3:.3g} s"
    return f"it holds for {window}: a disturbance that comes less often than {rare} may not be in it"


def describe_dependence(test: DependentDecision) -> str:
    """What the test for dependence says, and what the run is worth."""
    if not test.dependence.is_seen:
        return "the test for dependence does not rule out that the requests are independent"
    size = f"{test.dependence.effect:.1f}"
    return (
        f"the requests depend on one another: slow or failed ones come in episodes of about {size}, and the run "
        f"is as telling as {test.effective_n:.0f} independent requests"
    )


def explain_undecided(test: DependentDecision, needed: int | None, n: int, seconds: float, key: str = "") -> str:
    """Why dependent requests decide nothing, and what would; empty for independent ones.

    `key` is the key of the configuration that makes such a run longer, in seconds.
    """
    if not test.dependence.is_seen or test.decision != "inconclusive":
        return ""
    seen = f"{test.dependence.episodes:.1f} independent episodes were seen"
    if needed is None:
        return f"{seen}, and the share lies where no length decides"
    growth = needed / n
    longer = f"about {needed} requests decide"
    if seconds:
        setting = f" ({key} = {10 * math.ceil(seconds * growth / 10)})" if key else ""
        longer = f"run for about {seconds * growth:.0f} s{setting}"
    return f"{seen}, about {math.ceil(test.dependence.episodes * growth)} are needed: {longer}"
