"""The run-wide check that counts plain valid requests which failed in checks that did not FAIL."""

from __future__ import annotations

from collections.abc import Iterable

from harness.core.objective import Objective
from harness.core.plan import PlannedCheck
from harness.core.settings import Settings
from harness.core.verdict import ALPHA, Level, Status, Verdict, make_inconclusive
from harness.io.rundir import EvidenceLine
from harness.run.rate_judging import compute_rate_bounds, judge_independent_samples

CHECK_ID = "ai-run/unprovoked_failures"
_MOST_EXAMPLES = 3
_METRIC = "unprovoked_failures"


def plan_unprovoked(settings: Settings) -> PlannedCheck:
    """The planned check: information, and a blocker where `[promises] unprovoked_failures` gives it a limit."""
    limit = settings.promises.unprovoked_failures
    check = PlannedCheck(CHECK_ID, settings.suites[0], Level.INFO, "unprovoked failures", metric=_METRIC)
    if limit is None:
        return check
    objective = _make_objective(settings, limit)
    return PlannedCheck(
        CHECK_ID,
        settings.suites[0],
        Level.BLOCKER,
        f"unprovoked failures <= {limit * 100:g} % of valid requests",
        kind="estimate",
        objective=objective.text,
        metric=_METRIC,
        limit=limit,
        budget=objective.budget,
        loosened=objective.loosened,
        alpha=objective.alpha,
    )


def judge_unprovoked(settings: Settings, check: PlannedCheck, evidence: Iterable[EvidenceLine]) -> Verdict:
    """Judge the plain valid requests of all checks of the run; those of a check that FAILed had a cause."""
    lines = [line for line in evidence if line.valid_requests]
    n = sum(line.valid_requests for line in lines)
    k = sum(line.strays for line in lines)
    examples = tuple(line.stray for line in lines if line.stray is not None)[:_MOST_EXAMPLES]
    if n == 0:
        return make_inconclusive("no plain valid request was sent by a check that did not fail", n=0)
    if check.kind == "estimate":
        assert check.limit is not None
        objective = _make_objective(settings, check.limit)
        what = "plain valid requests failed without a cause"
        return judge_independent_samples(k, n, objective, check, what=what, examples=examples)
    lower, upper = compute_rate_bounds(k, n, ALPHA)
    return Verdict(
        Status.PASS,
        f"{k} of {n} plain valid requests failed, in checks that did not FAIL; no limit is configured",
        metric=_METRIC.replace("_", " "),
        unit="",
        estimate=k / n,
        ci=(lower, upper),
        confidence=1 - ALPHA,
        method="Clopper-Pearson at a fixed n",
        n=n,
        counterexamples=examples,
    )


def _make_objective(settings: Settings, limit: float) -> Objective:
    loosened = min(limit * settings.profile.tolerance, 0.99)
    return Objective(settings.suites[0], _METRIC, None, "<=", limit, "", limit, loosened, 0, settings.profile.alpha)
