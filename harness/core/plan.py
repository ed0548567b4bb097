"""The plan: every check that must end with a verdict, written down and hashed before the first request."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from harness.core.verdict import Level


@dataclass(frozen=True, slots=True)
class PlannedCheck:
    """One line of the plan.

    `kind` is contract, estimate, comparison or user; `objective` the bound in words, with horizon `cap`, `budget`,
    `loosened` and `alpha` beside it for an estimate. `not_applicable` says which capability is missing: such a check is
    SKIPPED. `min_n` is the fewest samples that can PASS.
    """

    id: str
    suite: str
    level: Level
    title: str
    kind: str = "contract"
    requests: int = 0
    tokens: int = 0
    objective: str | None = None
    metric: str | None = None
    limit: float | None = None
    budget: float | None = None
    loosened: float | None = None
    alpha: float | None = None
    alpha_fail: float | None = None
    cap: int | None = None
    min_n: int | None = None
    not_applicable: str | None = None
    clauses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run set out to judge.

    `not_judged` lists what the configuration gives no ground to judge, as sentences. `policy` is everything else that
    binds the verdicts (profile, seed, ceilings), so that it is in the hash.
    """

    suites: tuple[str, ...]
    checks: tuple[PlannedCheck, ...]
    not_judged: tuple[str, ...] = ()
    policy: tuple[tuple[str, str], ...] = ()

    @property
    def hash(self) -> str:
        """SHA-256 over the canonical JSON of the whole plan, in hex."""
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def adding(self, checks: Sequence[PlannedCheck]) -> Plan:
        """The plan with collected user checks added; one already planned is kept as it is."""
        known = {check.id for check in self.checks}
        fresh = tuple(check for check in checks if check.id not in known)
        return replace(self, checks=self.checks + fresh) if fresh else self

    def to_dict(self) -> dict[str, Any]:
        """The content of `plan.json`."""
        return {"schema": "aiharness.plan/1", "hash": self.hash, **asdict(self)}


def slug(text: str) -> str:
    """The text as a part of an id that pytest, a shell and a file name take: letters, digits, dot, dash, underscore."""
    return re.sub(r"[^a-zA-Z0-9_.-]+", "-", text).strip("-")


def statistical_blockers(checks: Sequence[PlannedCheck]) -> int:
    """m of DESIGN 6.6: the planned blockers that are estimates and applicable; at least 1."""
    return max(1, sum(c.kind == "estimate" and c.level is Level.BLOCKER and c.not_applicable is None for c in checks))
