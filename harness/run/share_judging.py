"""Judge the share of inputs that break a rule against a limit: exact and three-valued; a limit of 0 is a contract.

Tested in tests/run/test_share_judging.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.core.objective import Objective, Profile
from harness.core.plan import PlannedCheck
from harness.core.verdict import ALPHA, Case, Counterexample, Status, Verdict, judge_contract
from harness.run.rate_judging import judge_independent_samples
from harness.stats.intervals import clopper_pearson_lower, clopper_pearson_upper


def judge_share(
    k: int,
    n: int,
    limit: float,
    check: PlannedCheck,
    profile: Profile,
    *,
    what: str,
    holds: str,
    examples: Sequence[Counterexample] = (),
    notes: Sequence[str] = (),
) -> Verdict:
    """The verdict over k of n distinct inputs, `what` saying what was wrong with those ("rows differ").

    With a limit of 0 one counterexample is a FAIL, and a PASS says which rate it excludes. Otherwise FAIL refutes the
    limit, and PASS the limit times the profile's tolerance.
    """
    if limit == 0:
        if k:
            bounds = clopper_pearson_lower(k, n, ALPHA), clopper_pearson_upper(k, n, ALPHA)
            shown = f"{k} of {n} {what} ({100 * bounds[0]:.3g} to {100 * bounds[1]:.3g} %)"
            reason = f"{shown}: {examples[0].summary}" if examples else shown
            evidence = Verdict(Status.FAIL, reason, n=n, estimate=k / n, ci=bounds, confidence=1 - ALPHA, limit=0.0)
            return replace(
                evidence, direction="<=", method="contract", counterexamples=tuple(examples), notes=tuple(notes)
            )
        return judge_contract([Case("input")] * n, holds).with_notes(*notes)
    objective = Objective(
        check.suite,
        what,
        None,
        "<=",
        limit,
        "",
        budget=limit,
        loosened=profile.loosen(limit),
        cap=n,
        alpha=profile.alpha,
    )
    return judge_independent_samples(
        k, n, objective, check, what=what, examples=tuple(examples[:3]), notes=tuple(notes)
    )
