"""Verdict: what a check decided, and the evidence for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

ALPHA = 0.05
"""Error rate of each side of every decision: the bounds are one-sided at 95 % each (DESIGN 6.3)."""


class Status(StrEnum):
    """The five possible verdicts on a planned check."""

    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    ERROR = "ERROR"
    SKIPPED = "SKIPPED"


class Level(StrEnum):
    """How much a verdict matters: only a blocker decides the gate."""

    BLOCKER = "blocker"
    WARN = "warn"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Counterexample:
    """The smallest case that refutes a check, and how to reproduce it.

    `request` and `response` are shown without secrets and limited in size. `curl` is given if one HTTP request
    reproduces the case. `pytest` is the id that runs the check again, `seed` the seed of its random numbers.
    """

    summary: str
    """What went wrong, in one sentence."""
    request: Mapping[str, Any] | None = None
    """What was sent, without secrets, capped."""
    response: Mapping[str, Any] | None = None
    """What came back, without secrets, capped."""
    curl: str | None = None
    """The command that sends it again, where one request reproduces it."""
    pytest: str | None = None
    """The id that replays the check."""
    seed: int | None = None
    """Seed of what was random."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One part of the data, with its own estimate, interval and n."""

    name: str
    """Which part of the data."""
    n: int
    """Samples in it."""
    estimate: float | None
    """Its estimate."""
    ci: tuple[float | None, float | None] | None = None
    """Its two one-sided bounds."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """The comparison of one check with an earlier run, in the unit of the metric."""

    run: str
    """Id of the older run."""
    estimate: float | None = None
    """Its estimate."""
    delta: float | None = None
    """This estimate minus the older one."""
    delta_ci: tuple[float | None, float | None] | None = None
    """Bounds of the difference."""
    margin: float | None = None
    """The difference that is tolerated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The evidence for a verdict.

    `estimate`, `ci` and `limit` are in `unit`; `direction` is the good side of the limit (`<=` or `>=`). `ci` is a pair
    of one-sided bounds at `confidence` each; None for an open side. `limit_loosened` is the limit with its tolerance:
    PASS refutes it, FAIL refutes `limit`. `excluded_rate` is the failure rate that the n cases of a contract check
    exclude at `confidence`.
    """

    metric: str | None = None
    """What the estimate estimates."""
    unit: str | None = None
    """Unit of estimate, bounds and limits; empty for shares."""
    direction: str | None = None
    """Which side of the limit is good: <= or >=."""
    estimate: float | None = None
    """The point estimate."""
    ci: tuple[float | None, float | None] | None = None
    """The two one-sided bounds; null where a side is open."""
    confidence: float | None = None
    """Confidence of each bound, between 0 and 1."""
    method: str | None = None
    """How the bounds were made."""
    n: int | None = None
    """Samples, or distinct cases, behind the verdict."""
    n_needed: int | None = None
    """About how many samples a new run needs to decide."""
    limit: float | None = None
    """The limit that a FAIL refutes."""
    limit_loosened: float | None = None
    """The limit with its tolerance; a PASS refutes anything worse."""
    baseline: Baseline | None = None
    """The comparison with an older run."""
    excluded_rate: float | None = None
    """The failure rate that a contract check's n excludes at its confidence."""
    p_adj: float | None = None
    """p-value after correction for multiplicity."""
    slices: tuple[Slice, ...] = ()
    """Parts of the data, each with its own estimate."""
    counterexamples: tuple[Counterexample, ...] = ()
    """What refutes the check, the smallest first."""
    clauses: tuple[str, ...] = ()
    """Clauses of specifications that it covers."""
    notes: tuple[str, ...] = ()
    """Remarks on this verdict."""


@dataclass(frozen=True, slots=True)
class Case:
    """One planned case of a contract check: its name, and the counterexample if the contract is broken.

    `unjudged` is the reason why the case could not be judged; such a case is not evidence for a PASS.
    """

    name: str
    counterexample: Counterexample | None = None
    unjudged: str = ""


@dataclass(frozen=True, slots=True)
class Contract:
    """The cases of a contract check, and the further arguments of `judge_contract`."""

    cases: tuple[Case, ...]
    holds: str
    planned: int | None = None
    distinct: int | None = None

    def list_failed(self) -> tuple[str, ...]:
        """The names of the cases with a counterexample."""
        return tuple(case.name for case in self.cases if case.counterexample)


@dataclass(frozen=True, slots=True)
class Verdict(Evidence):
    """PASS, FAIL, INCONCLUSIVE, ERROR or SKIPPED, with the reason in one sentence and the evidence.

    `contract` is what a contract check was judged by; it is not written down.
    """

    status: Status
    reason: str
    contract: Contract | None = None

    def with_notes(self, *notes: str) -> Verdict:
        """A copy with these notes after its own."""
        return replace(self, notes=(*self.notes, *notes))


def make_error(reason: str, **evidence: Any) -> Verdict:
    """ERROR: the harness or the connection to the target failed, which says nothing about the service."""
    return Verdict(Status.ERROR, reason, **evidence)


def make_inconclusive(reason: str, **evidence: Any) -> Verdict:
    """INCONCLUSIVE: the observations do not decide the check."""
    return Verdict(Status.INCONCLUSIVE, reason, **evidence)


def make_skipped(reason: str) -> Verdict:
    """SKIPPED: the check does not apply to this protocol, or the endpoint rules it out itself."""
    return Verdict(Status.SKIPPED, reason)


def judge_contract(
    cases: Sequence[Case], holds: str, *, planned: int | None = None, distinct: int | None = None
) -> Verdict:
    """Judge a contract check (DESIGN 6.2).

    FAIL with one counterexample; PASS if every planned case was judged without one; otherwise INCONCLUSIVE. `holds` is
    the sentence that a PASS states. `distinct` is the number of distinct cases if some of them repeat an input: the
    excluded rate counts only distinct ones, because repeats are not independent samples.
    """
    contract = Contract(tuple(cases), holds, planned, distinct)
    planned = len(cases) if planned is None else planned
    broken = [case.counterexample for case in cases if case.counterexample]
    unjudged = [case for case in cases if case.unjudged and not case.counterexample]
    judged = len(cases) - len(unjudged)
    n = judged if distinct is None else min(judged, distinct)
    if broken:
        more = f" ({len(broken)} of {judged} cases)" if judged > 1 else ""
        reason, examples = broken[0].summary + more, tuple(broken)
        return Verdict(Status.FAIL, reason, contract, n=n, counterexamples=examples, method="contract")
    if n <= 0 or judged < planned:
        why = f": {unjudged[0].name}: {unjudged[0].unjudged}" if unjudged else ""
        what = (
            f"{judged} of {planned} planned cases judged{why}"
            if unjudged or n == judged
            else f"{n} distinct cases judged"
        )
        return Verdict(Status.INCONCLUSIVE, what, contract, n=n, method="contract")
    excluded = 1.0 - ALPHA ** (1.0 / n)
    return Verdict(
        Status.PASS,
        holds,
        contract,
        n=n,
        excluded_rate=excluded,
        confidence=1.0 - ALPHA,
        method="contract",
        notes=(f"0 of {n}: a failure rate below {excluded:.2g} at 95 % for these inputs and this oracle",),
    )


def merge_contracts(attempts: Sequence[Contract]) -> Verdict:
    """The verdict over several attempts at one contract: a case holds if it held in one of them.

    Only for attempts whose failures do not count. Cases are the same ones by name and place.
    """
    merged = list(max(attempts, key=lambda attempt: len(attempt.cases)).cases)
    for number, case in enumerate(merged):
        for attempt in attempts:
            other = attempt.cases[number] if number < len(attempt.cases) else case
            if other.name == case.name and not other.counterexample and not other.unjudged:
                merged[number] = other
    last = attempts[-1]
    return judge_contract(merged, last.holds, planned=last.planned, distinct=last.distinct)


_ORDER = (Status.FAIL, Status.ERROR, Status.INCONCLUSIVE, Status.PASS, Status.SKIPPED)


def find_worst_status(statuses: Sequence[Status]) -> Status:
    """The first of FAIL, ERROR, INCONCLUSIVE, PASS, SKIPPED that occurs; INCONCLUSIVE if there are none."""
    return min(statuses, key=_ORDER.index, default=Status.INCONCLUSIVE)


_ATTEMPTS_ORDER = (Status.FAIL, Status.ERROR, Status.INCONCLUSIVE, Status.SKIPPED, Status.PASS)


def choose_worst(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict of a check that ended several times: the worst, and the first of equals. A skipped one is no PASS."""
    return min(verdicts, key=lambda verdict: _ATTEMPTS_ORDER.index(verdict.status))
