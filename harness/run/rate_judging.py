"""Judge a rate at a fixed number of samples: independent ones (accuracy), or those of a load, which come in clumps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from harness.core.dataset import Dataset
from harness.core.objective import Objective
from harness.core.plan import PlannedCheck
from harness.core.verdict import Counterexample, Slice, Status, Verdict, make_inconclusive
from harness.stats.beta import binomial_cdf, binomial_sf
from harness.stats.dependence import TIME_BLOCKS, judge_dependent_rate, sum_into_blocks
from harness.stats.intervals import clopper_pearson_lower, clopper_pearson_upper
from harness.stats.planning import compute_n_needed


def skip_repeated_rows(data: Dataset, numbers: Iterable[int]) -> Iterator[int]:
    """Those of the rows that repeat no earlier one, label included: a row asked twice is no second sample."""
    seen = set()
    for number in numbers:
        row = data.inputs[number]
        key = (row if isinstance(row, str) else tuple(row), str(data.labels[number]) if data.labels else "")
        if key not in seen:
            seen.add(key)
            yield number


def describe_miss(objective: Objective) -> str:
    """What a request did that missed a limit of latency or an error rate."""
    slow = objective.is_latency
    return f"took longer than {objective.limit * 1e3:g} ms or failed" if slow else "failed"


def make_rate_verdict(
    decision: str | None,
    k: int,
    n: int,
    objective: Objective,
    bounds: tuple[float, float],
    *,
    what: str,
    said: str = "",
    examples: tuple[Counterexample, ...] = (),
    **evidence: Any,
) -> Verdict:
    """The verdict over k bad ones of n, `what` saying what was bad about them ("rows were answered wrongly").

    `decision` is a test's "pass" or "fail"; anything else decides nothing, for the reason `said` where there is one.
    `bounds` are those of the bad share, at the objective's alpha each; an accuracy is shown as the share of good ones.
    """
    status = {"pass": Status.PASS, "fail": Status.FAIL}.get(decision or "", Status.INCONCLUSIVE)
    budget, loosened = (f"{share * 100:.3g} %" for share in (objective.budget, objective.loosened))
    said = {
        Status.PASS: f"a share of {loosened} is refuted",
        Status.FAIL: f"the budget of {budget} is refuted",
        Status.INCONCLUSIVE: said or f"neither {budget} nor {loosened} is refuted",
    }[status]
    shown = k / n, *bounds, objective.budget, objective.loosened
    if objective.direction == ">=":
        estimate, upper, lower, limit, limit_loosened = (1 - share for share in shown)
    else:
        estimate, lower, upper, limit, limit_loosened = shown
    latency = objective.is_latency
    return Verdict(
        status,
        f"{k} of {n} {what}: {said}",
        metric=f"share over the limit of {objective.text}" if latency else objective.metric.replace("_", " "),
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
    k: int, n: int, objective: Objective, check: PlannedCheck, *, what: str, declined: int = 0, **evidence: Any
) -> Verdict:
    """The verdict over k bad ones of n independent samples; `what` and `evidence` as in `rate_verdict`.

    FAIL refutes the budget at the check's alpha_fail, PASS refutes the loosened budget at the objective's alpha, both
    by the exact binomial tail at this n, which is where Clopper-Pearson's bounds come from. `declined` of the k were
    refused with 429, which says nothing of them: there is no FAIL that would be none without them. Raises `ValueError`
    for k outside 0 to n, or more declined than bad ones.
    """
    if not 0 <= declined <= k <= n:
        raise ValueError(f"{k} of {n} is no count")
    if n == 0:
        return make_inconclusive(f"no samples: nothing of which to say that {what}", notes=evidence.get("notes", ()))
    alpha, alpha_fail = objective.alpha, check.alpha_fail or objective.alpha
    bounds = compute_rate_bounds(k, n, alpha)
    evidence |= {"what": what, "method": "Clopper-Pearson at a fixed n"}
    if binomial_sf(k - declined, n, objective.budget) <= alpha_fail:
        return make_rate_verdict("fail", k, n, objective, bounds, **evidence)
    if binomial_cdf(k, n, objective.loosened) <= alpha:
        return make_rate_verdict("pass", k, n, objective, bounds, **evidence)
    if declined:
        said = f"{declined} of them declined with 429, which says nothing of them"
        return make_rate_verdict(None, k, n, objective, bounds, said=said, **evidence)
    needed = compute_n_needed(k, n, objective.budget, objective.loosened, alpha, alpha_fail, sequential=False)
    return make_rate_verdict(None, k, n, objective, bounds, n_needed=needed, **evidence)


@dataclass(frozen=True, slots=True)
class TimeBlocks:
    """The counts of the 20 time blocks of a run with dependent samples, each of length 20.

    Samples, those over the limit, and those over the whole run's p90, which shows the clumping.
    """

    n: tuple[int, ...]
    over: tuple[int, ...]
    over_p90: tuple[int, ...]


def split_into_blocks(values: Sequence[float], limit: float) -> TimeBlocks | None:
    """Values in intended order, infinite for a failure, in 20 blocks of equal length; None for fewer than 20."""
    if len(values) < TIME_BLOCKS:
        return None
    p90 = sorted(values)[min(len(values) - 1, math.ceil(0.9 * len(values)) - 1)]

    def counted(holds: Sequence[bool]) -> tuple[int, ...]:
        return tuple(int(count) for count in sum_into_blocks([int(each) for each in holds]))

    return TimeBlocks(
        counted([True] * len(values)), counted([v > limit for v in values]), counted([v > p90 for v in values])
    )


def judge_dependent_samples(
    blocks: TimeBlocks | None,
    objective: Objective,
    check: PlannedCheck,
    *,
    what: str,
    notes: tuple[str, ...] = (),
    examples: tuple[Counterexample, ...] = (),
) -> Verdict:
    """The verdict over the samples of a load, which come in clumps (DESIGN 6.5); `what` as in `rate_verdict`.

    PASS covers the window of this run alone, and its notes say so.
    """
    if blocks is None or not all(blocks.n):
        return make_inconclusive(
            f"fewer than {TIME_BLOCKS} blocks of time with a request in each: too short to be judged"
        )
    alpha, alpha_fail = objective.alpha, check.alpha_fail or objective.alpha
    counts, limits = (blocks.n, blocks.over, blocks.over_p90), (objective.budget, objective.loosened)
    found = judge_dependent_rate(*counts, *limits, alpha, alpha_fail)
    shown = judge_dependent_rate(*counts, *limits, alpha, alpha)
    k, n, needed = sum(blocks.over), sum(blocks.n), None
    notes += (f"design effect {found.design_effect:.2f}: as telling as {found.effective_n:.0f} independent requests",)
    if found.decision == "pass":
        notes += ("it holds for this window: a disturbance rarer than one per third of the run may not be in it",)
    if found.decision == "inconclusive":
        share = n / found.effective_n
        needed = compute_n_needed(k / share, n / share, *limits, alpha, alpha_fail, sequential=False)
        needed = None if needed is None else math.ceil(needed * share)
    method, bounds = "Clopper-Pearson at the effective n of 20 time blocks", (shown.lower, shown.upper)
    evidence: dict[str, Any] = {"method": method, "n_needed": needed, "examples": examples, "notes": notes}
    return make_rate_verdict(found.decision, k, n, objective, bounds, what=what, **evidence)
