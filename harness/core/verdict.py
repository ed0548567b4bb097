"""Verdict: what a check decided, with the evidence that carries it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Literal

ALPHA = 0.05
"""Error rate of each side of every decision: one-sided bounds at 95 % each (DESIGN 6.3)."""


class Status(StrEnum):
    """The five ends of a planned check."""

    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    ERROR = "ERROR"
    SKIPPED = "SKIPPED"


class Level(StrEnum):
    """What a verdict weighs: only a blocker decides the gate."""

    BLOCKER = "blocker"
    WARN = "warn"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Counterexample:
    """The smallest thing seen that refutes a check, and how to see it again.

    `request` and `response` are shown without secrets and capped; `curl` is given where one HTTP request reproduces
    it; `pytest` is the id that replays the check; `seed` the seed of what was random.
    """

    summary: str
    request: Mapping[str, Any] | None = None
    response: Mapping[str, Any] | None = None
    curl: str | None = None
    pytest: str | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Slice:
    """One part of the data judged apart: its own estimate, interval and n."""

    name: str
    n: int
    estimate: float | None
    ci: tuple[float | None, float | None] | None = None
    verdict: Status | None = None


@dataclass(frozen=True, slots=True)
class Baseline:
    """The comparison of one check with an older run, in the metric's unit."""

    run: str
    estimate: float | None = None
    delta: float | None = None
    delta_ci: tuple[float | None, float | None] | None = None
    margin: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What carries a verdict.

    `estimate`, `ci` and `limit` are in `unit`; `direction` says which side of the limit is good (`<=` or `>=`).
    `ci` holds the two one-sided bounds at `confidence` each; an open side is None. `limit_loosened` is the limit with
    its tolerance: PASS refutes it, FAIL refutes `limit`. `excluded_rate` is the rate that a contract check's n
    excludes at `confidence`.
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
    p_raw: float | None = None
    p_adj: float | None = None
    slices: tuple[Slice, ...] = ()
    counterexamples: tuple[Counterexample, ...] = ()
    clauses: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict(Evidence):
    """PASS, FAIL, INCONCLUSIVE, ERROR or SKIPPED, with a sentence why and the evidence."""

    status: Status
    reason: str

    def with_notes(self, *notes: str) -> Verdict:
        """The same verdict with more notes."""
        return replace(self, notes=(*self.notes, *notes))


@dataclass(frozen=True, slots=True)
class Case:
    """One planned case of a contract check: its name, and the counterexample if it did not hold.

    `unjudged` says why the case could not be judged; such a case is no evidence for a PASS.
    """

    name: str
    counterexample: Counterexample | None = None
    unjudged: str = ""


def make_error(reason: str, **evidence: Any) -> Verdict:
    """ERROR: the harness, or the way to the target, broke; says nothing about the service."""
    return Verdict(Status.ERROR, reason, **evidence)


def make_inconclusive(reason: str, **evidence: Any) -> Verdict:
    """INCONCLUSIVE: what was seen decides nothing."""
    return Verdict(Status.INCONCLUSIVE, reason, **evidence)


def make_skipped(reason: str) -> Verdict:
    """SKIPPED: the protocol, or the endpoint's own announcement, rules the check out."""
    return Verdict(Status.SKIPPED, reason)


def judge_contract(
    cases: Sequence[Case], holds: str, *, planned: int | None = None, distinct: int | None = None
) -> Verdict:
    """Judge a contract check (DESIGN 6.2).

    FAIL on one counterexample; PASS when every planned case ran without one; else INCONCLUSIVE. `holds` is the
    sentence that a PASS claims. `distinct` is the number of distinct cases when some repeat one input: repeats are
    not samples, and the excluded rate counts only distinct ones.
    """
    planned = len(cases) if planned is None else planned
    broken = [case.counterexample for case in cases if case.counterexample]
    unjudged = [case for case in cases if case.unjudged and not case.counterexample]
    judged = len(cases) - len(unjudged)
    n = min(judged, distinct) if distinct is not None else judged
    if broken:
        more = f" ({len(broken)} of {judged} cases)" if judged > 1 else ""
        return Verdict(Status.FAIL, broken[0].summary + more, n=n, counterexamples=tuple(broken), method="contract")
    if n <= 0 or judged < planned:
        why = f": {unjudged[0].name}: {unjudged[0].unjudged}" if unjudged else ""
        what = f"{judged} of {planned} planned cases judged{why}" if n == judged else f"{n} distinct cases judged"
        return Verdict(Status.INCONCLUSIVE, what, n=n, method="contract")
    excluded = 1.0 - ALPHA ** (1.0 / n)
    return Verdict(
        Status.PASS,
        holds,
        n=n,
        excluded_rate=excluded,
        confidence=1.0 - ALPHA,
        method="contract",
        notes=(f"0 of {n}: a failure rate below {excluded:.2g} at 95 % for these inputs and this oracle",),
    )


_ORDER = (Status.FAIL, Status.ERROR, Status.INCONCLUSIVE, Status.PASS, Status.SKIPPED)


def find_worst_status(statuses: Sequence[Status]) -> Status:
    """The status that decides among several: FAIL, ERROR, INCONCLUSIVE, PASS, SKIPPED. Empty: INCONCLUSIVE."""
    return min(statuses, key=_ORDER.index, default=Status.INCONCLUSIVE)


@dataclass(frozen=True, slots=True)
class CheckSpec:
    """What a packaged check declares of itself, before anything is sent.

    `needs` names capabilities without which it is SKIPPED, `grounds` settings without which it is not planned;
    `requests` and `tokens` are what it costs at most, per case; `cases` its parametrised ids; `per` gives it one case
    for each configured objective of its suite, each fault, or each pair of them. `before_contact` marks a check that
    runs on an endpoint never reached, `alone` one beside which, under xdist, no other runs.
    """

    title: str
    level: Level = Level.BLOCKER
    needs: tuple[str, ...] = ()
    grounds: tuple[str, ...] = ()
    requests: int = 1
    tokens: int = 0
    cases: tuple[str, ...] = ()
    per: Literal["", "objective", "fault", "fault_objective"] = ""
    before_contact: bool = False
    alone: bool = False
    clauses: tuple[str, ...] = field(default=())
