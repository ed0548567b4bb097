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
    request: Mapping[str, Any] | None = None
    response: Mapping[str, Any] | None = None
    curl: str | None = None
    pytest: str | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Slice:
    """One part of the data, with its own estimate, interval and n."""

    name: str
    n: int
    estimate: float | None
    ci: tuple[float | None, float | None] | None = None


@dataclass(frozen=True, slots=True)
class Baseline:
    """The comparison of one check with an earlier run, in the unit of the metric."""

    run: str
    estimate: float | None = None
    delta: float | None = None
    delta_ci: tuple[float | None, float | None] | None = None
    margin: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The evidence for a verdict.

    `estimate`, `ci` and `limit` are in `unit`; `direction` is the good side of the limit (`<=` or `>=`). `ci` is a pair
    of one-sided bounds at `confidence` each; None for an open side. `limit_loosened` is the limit with its tolerance:
    PASS refutes it, FAIL refutes `limit`. `excluded_rate` is the failure rate that the n cases of a contract check
    exclude at `confidence`.
    """

    metric: str | None = None
    unit: str | None = None
    direction: str | None = None
    estimate: float | None = None
    ci: tuple[float | None, float | None] | None = None
    confidence: float | None = None
    method: str | None = None
    n: int | None = None
    n_needed: int | None = None
    limit: float | None = None
    limit_loosened: float | None = None
    baseline: Baseline | None = None
    excluded_rate: float | None = None
    p_adj: float | None = None
    slices: tuple[Slice, ...] = ()
    counterexamples: tuple[Counterexample, ...] = ()
    clauses: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


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
