"""Judge a rate at a fixed number of samples: independent ones (accuracy), or those of a load, which come in clumps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from harness.core.dataset import Dataset
from harness.core.objective import LATENCY_METRICS, SHARE_METRICS, Objective
from harness.core.plan import PlannedCheck
from harness.core.verdict import Counterexample, Slice, Status, Verdict, inconclusive
from harness.stats.beta import binomial_cdf, binomial_sf
from harness.stats.dependence import BLOCKS, dependent_rate_test, into_blocks
from harness.stats.intervals import clopper_pearson_lower, clopper_pearson_upper
from harness.stats.planning import n_needed


def unrepeated(data: Dataset, numbers: Iterable[int]) -> Iterator[int]:
    """Those of the rows that repeat no earlier one, label included: a row asked twice is no second sample."""
    seen = set()
    for number in numbers:
        row = data.inputs[number]
        key = (row if isinstance(row, str) else tuple(row), str(data.labels[number]) if data.labels else "")
        if key not in seen:
            seen.add(key)
            yield number


def judge_fixed(
    k: int,
    n: int,
    objective: Objective,
    check: PlannedCheck,
    *,
    what: str,
    declined: int = 0,
    examples: tuple[Counterexample, ...] = (),
    slices: tuple[Slice, ...] = (),
    notes: tuple[str, ...] = (),
) -> Verdict:
    """The verdict over k bad ones of n, `what` saying what was bad about them ("rows were answered wrongly").

    FAIL refutes the budget at the check's alpha_fail, PASS refutes the loosened budget at the objective's alpha, both
    by the exact binomial tail at this n, which is where Clopper-Pearson's bounds come from. An accuracy is shown as
    the share of good ones. `declined` of the k were refused with 429, which says nothing of them: there is no FAIL that
    would be none without them. Raises `ValueError` for k outside 0 to n, or more declined than bad ones.
    """
    if not 0 <= declined <= k <= n:
        raise ValueError(f"{k} of {n} is no count")
    if n == 0:
        return inconclusive(f"no samples: nothing of which to say that {what}", notes=notes)
    alpha, alpha_fail = objective.alpha, check.alpha_fail or objective.alpha
    lower, upper = clopper_pearson_lower(k, n, alpha), clopper_pearson_upper(k, n, alpha)
    budget, loosened = objective.budget, objective.loosened
    if binomial_sf(k - declined, n, budget) <= alpha_fail:
        status, said = Status.FAIL, f"the budget of {budget * 100:.3g} % is refuted"
    elif binomial_cdf(k, n, loosened) <= alpha:
        status, said = Status.PASS, f"a share of {loosened * 100:.3g} % is refuted"
    else:
        status, said = Status.INCONCLUSIVE, f"neither {budget * 100:.3g} % nor {loosened * 100:.3g} % is refuted"
    needed = None
    if status is Status.INCONCLUSIVE and declined:
        said = f"{declined} of them declined with 429, which says nothing of them"
    elif status is Status.INCONCLUSIVE:
        needed = n_needed(k, n, budget, loosened, alpha, alpha_fail, sequential=False)
    good = objective.metric in SHARE_METRICS
    return Verdict(
        status,
        f"{k} of {n} {what}: {said}",
        metric=objective.metric.replace("_", " "),
        unit="",
        direction=objective.direction,
        estimate=1 - k / n if good else k / n,
        ci=(1 - upper, 1 - lower) if good else (lower, upper),
        confidence=1 - alpha,
        method="Clopper-Pearson at a fixed n",
        n=n,
        n_needed=needed,
        limit=1 - budget if good else budget,
        limit_loosened=1 - loosened if good else loosened,
        slices=slices,
        counterexamples=() if status is Status.PASS else examples,
        notes=notes,
    )


@dataclass(frozen=True, slots=True)
class Blocks:
    """The counts of the 20 time blocks of a run with dependent samples, each of length 20.

    Samples, those over the limit, and those over the whole run's p90, which shows the clumping.
    """

    n: tuple[int, ...]
    over: tuple[int, ...]
    over_p90: tuple[int, ...]


def in_blocks(values: Sequence[float], limit: float) -> Blocks | None:
    """Values in intended order, infinite for a failure, in 20 blocks of equal length; None for fewer than 20."""
    if len(values) < BLOCKS:
        return None
    p90 = sorted(values)[min(len(values) - 1, math.ceil(0.9 * len(values)) - 1)]

    def counted(holds: Sequence[bool]) -> tuple[int, ...]:
        return tuple(int(count) for count in into_blocks([int(each) for each in holds]))

    return Blocks(
        counted([True] * len(values)), counted([v > limit for v in values]), counted([v > p90 for v in values])
    )


def judge_dependent(
    blocks: Blocks | None,
    objective: Objective,
    check: PlannedCheck,
    *,
    what: str,
    examples: tuple[Counterexample, ...] = (),
    notes: tuple[str, ...] = (),
) -> Verdict:
    """The verdict over the samples of a load, which come in clumps (DESIGN 6.5); `what` as in `judge_fixed`.

    PASS covers the window of this run alone, and its notes say so.
    """
    if blocks is None or not all(blocks.n):
        return inconclusive(f"fewer than {BLOCKS} blocks of time with a request in each: too short to be judged")
    budget, loosened, alpha = objective.budget, objective.loosened, objective.alpha
    counts = blocks.n, blocks.over, blocks.over_p90
    decided = dependent_rate_test(*counts, budget, loosened, alpha, check.alpha_fail or alpha)
    shown = dependent_rate_test(*counts, budget, loosened, alpha, alpha)
    k, n = sum(blocks.over), sum(blocks.n)
    status = {"pass": Status.PASS, "fail": Status.FAIL}.get(decided.decision, Status.INCONCLUSIVE)
    said = {
        Status.PASS: f"a share of {loosened * 100:.3g} % is refuted",
        Status.FAIL: f"the budget of {budget * 100:.3g} % is refuted",
        Status.INCONCLUSIVE: f"neither {budget * 100:.3g} % nor {loosened * 100:.3g} % is refuted",
    }[status]
    clumps = f"design effect {decided.design_effect:.2f}: as telling as {decided.effective_n:.0f} independent requests"
    window = "it holds for this window: a disturbance rarer than one per third of the run may not be in it"
    needed = None
    if status is Status.INCONCLUSIVE:
        share = n / decided.effective_n
        needed = n_needed(k / share, n / share, budget, loosened, alpha, check.alpha_fail or alpha, sequential=False)
        needed = None if needed is None else math.ceil(needed * share)
    latency = objective.metric in LATENCY_METRICS
    return Verdict(
        status,
        f"{k} of {n} {what}: {said}",
        metric=f"share over the limit of {objective.text}" if latency else objective.metric.replace("_", " "),
        unit="",
        direction="<=",
        estimate=decided.estimate,
        ci=(shown.lower, shown.upper),
        confidence=1 - alpha,
        method="Clopper-Pearson at the effective n of 20 time blocks",
        n=n,
        n_needed=needed,
        limit=budget,
        limit_loosened=loosened,
        counterexamples=() if status is Status.PASS else examples,
        notes=(*notes, clumps, *((window,) if status is Status.PASS else ())),
    )
