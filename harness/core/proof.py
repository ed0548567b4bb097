"""The proof that checks can fail: which checks, under which mutations, and what came of it. Pure.

Tested in tests/core/test_proof.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.core.mutation import Mutation
from harness.core.plan import WHOLE_RUN, Plan, PlannedCheck
from harness.core.verdict import Case, Level, Status, Verdict, choose_worst, judge_contract, make_inconclusive

PROOF_ID = "ai-run/proof"
"""The id of the check that every planned contract check was shown able to fail."""
UNCHANGED = "none: it fails as it is"
"""The mutation of a check that fails without one."""
_LEFT_OUT = ("load", "chaos", "capacity")
"""Suites whose checks judge a load or an experiment: they are no part of a proof."""


@dataclass(frozen=True, slots=True)
class ProofRow:
    """One contract check: whether a mutation made it fail, which one, and its reason then.

    Where none did, `reason` says why it is not shown. `tried` are the mutations, in their order.
    """

    check: str
    """The id of the check."""
    title: str
    """What it checks."""
    shown: bool
    """That a mutation made it fail."""
    mutation: str = ""
    """The mutation that did."""
    reason: str = ""
    """The reason of its FAIL; else why it is not shown."""
    tried: tuple[str, ...] = ()
    """The mutations that were tried, in order."""


@dataclass(frozen=True, slots=True)
class GateProof:
    """What a proof came to; `trials` is how often a check was asked under a mutation, `requests` what was sent then.

    `left_out` names suites of the run whose checks are no part of it.
    """

    rows: tuple[ProofRow, ...]
    """The contract checks, in the order of the plan."""
    trials: int = 0
    """How often a check was asked under a mutation."""
    requests: int = 0
    """Number of requests that the check sent in this trial."""
    seconds: float = 0.0
    """How long the trials took."""
    left_out: tuple[str, ...] = ()
    """Suites of the run whose checks are no part of the proof."""

    @property
    def open_rows(self) -> tuple[ProofRow, ...]:
        """The checks that were not shown able to fail."""
        return tuple(row for row in self.rows if not row.shown)

    @property
    def headline(self) -> str:
        """The result in a line."""
        return f"{len(self.rows) - len(self.open_rows)} of {len(self.rows)} checks shown able to fail here"


def is_provable(check: PlannedCheck) -> bool:
    """Whether a planned check is one that a proof must show able to fail."""
    if check.not_applicable or check.suite in _LEFT_OUT or check.level is Level.INFO:
        return False
    return check.kind in ("contract", "user") and not check.id.startswith(WHOLE_RUN)


def list_left_out(plan: Plan) -> tuple[str, ...]:
    """The suites of the run that are no part of a proof."""
    return tuple(suite for suite in plan.suites if suite in _LEFT_OUT)


def plan_proof(suite: str, checks: Iterable[PlannedCheck]) -> PlannedCheck:
    """The planned check of the proof; its requests are those of one pass over all of them."""
    provable = [check for check in checks if is_provable(check)]
    return PlannedCheck(
        PROOF_ID,
        suite,
        Level.BLOCKER,
        "every planned contract check is shown able to fail",
        requests=sum(check.requests for check in provable),
        tokens=sum(check.tokens for check in provable),
    )


@dataclass(frozen=True, slots=True)
class MutationTrial:
    """How a check ended under one mutation; `struck`: the mutation met one of its requests. `verdict` None: not asked.

    `alarm` is the status in which a broken promise ends, beside FAIL.
    """

    mutation: Mutation
    verdict: Verdict | None
    struck: bool
    alarm: Status = Status.FAIL

    @property
    def shows(self) -> bool:
        """Whether this shows that the check can fail."""
        return self.struck and self.verdict is not None and self.verdict.status in (Status.FAIL, self.alarm)

    @property
    def outcome(self) -> str:
        """How it ended, in words."""
        if self.verdict is None:
            return "it was not asked"
        if not self.struck:
            return f"{self.verdict.status}, and none of its requests was struck"
        is_pass = self.verdict.status is Status.PASS
        if is_pass:
            return str(self.verdict.status)
        return f"{self.verdict.status}, {self.verdict.reason}"


def make_row(check: PlannedCheck, trials: Sequence[MutationTrial], before: Verdict | None = None) -> ProofRow:
    """What the trials of a check came to: the first that shows that it can fail, or how each of them ended.

    `before` is its verdict without a mutation, where that was no PASS.
    """
    tried = tuple(trial.mutation.title for trial in trials)
    for trial in trials:
        if trial.shows and trial.verdict is not None:
            return ProofRow(check.id, check.title, True, trial.mutation.title, trial.verdict.reason, tried)
    outcomes = "; ".join(f"{trial.mutation.title}: {trial.outcome}" for trial in trials)
    reason = f"no mutation made it fail ({outcomes})" if trials else "it was not asked under any mutation"
    if before is not None:
        reason = f"it was {before.status} without a mutation: {before.reason}; {reason}"
    return ProofRow(check.id, check.title, False, reason=reason, tried=tried)


def make_row_without_trials(check: PlannedCheck, verdicts: Sequence[Verdict]) -> ProofRow | None:
    """The row of a check on which no mutation is tried; None for one that was PASS or INCONCLUSIVE without one.

    One that fails as it is has shown that it can. One that found nothing to judge may find it under a mutation.
    """
    if not verdicts:
        return ProofRow(check.id, check.title, False, reason="it was not run")
    verdict = choose_worst(verdicts)
    if verdict.status in (Status.PASS, Status.INCONCLUSIVE):
        return None
    if verdict.status is Status.FAIL:
        return ProofRow(check.id, check.title, True, UNCHANGED, verdict.reason)
    reason = f"it was {verdict.status} without a mutation: {verdict.reason}"
    return ProofRow(check.id, check.title, False, reason=reason)


def judge_proof(proof: GateProof) -> Verdict:
    """PASS where every check was shown able to fail, else INCONCLUSIVE: a check that cannot fail shows nothing."""
    if not proof.rows:
        return make_inconclusive("no contract check was planned, so none was shown able to fail", n=0)
    cases = [Case(row.check, unjudged="" if row.shown else row.reason) for row in proof.rows]
    if not proof.open_rows:
        return judge_contract(cases, proof.headline)
    names = ", ".join(row.check.rpartition("/")[2] for row in proof.open_rows[:6])
    more = len(proof.open_rows) - 6
    rest = f" and {more} more" if more > 0 else ""
    return make_inconclusive(f"{proof.headline}; not shown: {names}{rest}", n=len(proof.rows), method="contract")
