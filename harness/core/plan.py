"""The plan: every check that must end with a verdict, written down and hashed before the first request.

Tested in tests/wrong_verdicts/test_wrong_plans.py.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from harness.core.verdict import Level

WHOLE_RUN = "ai-run/"
"""The start of the ids of checks that judge a whole run."""

_LATER_FIELDS = {"measures": (), "shared": False, "measurements": (), "processes": 1, "note": ""}
"""Fields that plans did not have at first, with their defaults, which are left out: older plans keep their hash."""


@dataclass(frozen=True, slots=True)
class Cost:
    """The most requests that are sent, about how many tokens they generate, and about how many seconds they take.

    Requests assume the worst service: one that takes a single row in each request.
    """

    requests: int = 0
    tokens: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class PlannedMeasurement:
    """One line of the plan. The measurement's result is the file `id`.json of the run directory.

    `note` says in words what is sent.
    """

    id: str
    requests: int = 0
    tokens: int = 0
    seconds: float = 0.0
    note: str = ""


@dataclass(frozen=True, slots=True)
class PlannedCheck:
    """One line of the plan.

    `kind` is contract, estimate, comparison or user; `objective` the bound in words, with horizon `cap`, `budget`,
    `loosened` and `alpha` beside it for an estimate. `not_applicable` says which capability is missing: such a check is
    SKIPPED. `min_n` is the fewest samples that can PASS. `requests` and `tokens` are its own cost at most, beside that
    of the measurements in `measures`, which it judges; `shared` says that each process which runs such checks may send
    those requests once, since the answers are kept in the process.
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
    measures: tuple[str, ...] = ()
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run set out to judge.

    `not_judged` lists what the configuration gives no ground to judge, as sentences. `policy` is everything else that
    binds the verdicts (profile, seed, ceilings), so that it is in the hash. `measurements` are the distinct ones that
    the checks judge; `processes` is the number of processes that run checks, which the hash leaves out.
    """

    suites: tuple[str, ...]
    checks: tuple[PlannedCheck, ...]
    not_judged: tuple[str, ...] = ()
    policy: tuple[tuple[str, str], ...] = ()
    measurements: tuple[PlannedMeasurement, ...] = ()
    processes: int = 1

    @property
    def hash(self) -> str:
        """SHA-256 over the canonical JSON of the whole plan, in hex."""
        content = self._content()
        content.pop("processes", None)
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def cost(self) -> Cost:
        """What the run costs at most: the checks' own requests, and each measurement once."""
        parts: list[PlannedCheck | PlannedMeasurement] = [*self.checks, *self.measurements]
        for check in self.checks:
            if check.shared:
                parts += [check] * (self.processes - 1)
        return Cost(
            requests=sum(part.requests for part in parts),
            tokens=sum(part.tokens for part in parts),
            seconds=sum(measurement.seconds for measurement in self.measurements),
        )

    def add_checks(self, checks: Sequence[PlannedCheck]) -> Plan:
        """The plan with collected user checks added; one already planned is kept as it is."""
        known = {check.id for check in self.checks}
        fresh = tuple(check for check in checks if check.id not in known)
        if not fresh:
            return self
        suites = tuple(dict.fromkeys((*self.suites, *(check.suite for check in fresh))))
        return replace(self, suites=suites, checks=self.checks + fresh)

    def select(self, only: str | None) -> Plan:
        """The plan of this one check, as a blocker, and of what it compares; the whole plan for None."""
        chosen = next((check for check in self.checks if check.id == only), None)
        if only is None:
            return self
        checks = tuple(
            replace(check, level=Level.BLOCKER)
            for check in self.checks
            if check is chosen or (chosen and _is_compared_by(chosen, check))
        )
        measures = {name for check in checks for name in check.measures}
        return replace(
            self,
            suites=tuple(dict.fromkeys(check.suite for check in checks)),
            checks=checks,
            not_judged=(),
            measurements=tuple(measurement for measurement in self.measurements if measurement.id in measures),
        )

    def to_dict(self) -> dict[str, Any]:
        """The content of `plan.json`."""
        return {"schema": "aiharness.plan/1", "hash": self.hash, **self._content()}

    def _content(self) -> dict[str, Any]:
        content = _without_defaults(_list_fields(self))
        for name in ("checks", "measurements"):
            if name in content:
                content[name] = [_without_defaults(_list_fields(line)) for line in content[name]]
        return content


def _is_compared_by(comparison: PlannedCheck, check: PlannedCheck) -> bool:
    """Whether the check is the estimate whose samples a comparison compares with a baseline."""
    slug = comparison.id.rpartition("/")[2]
    is_estimate = check.kind == "estimate" and check.suite == comparison.suite
    return comparison.kind == "comparison" and is_estimate and check.id.endswith(f"[{slug}]")


def _list_fields(line: Plan | PlannedCheck | PlannedMeasurement) -> dict[str, Any]:
    """The values by name, as they are: `asdict` copies each, and takes ten times as long."""
    return {field.name: getattr(line, field.name) for field in fields(line)}


def _without_defaults(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in _LATER_FIELDS or value != _LATER_FIELDS[name]}


def make_slug(text: str) -> str:
    """The text as a part of an id that pytest, a shell and a file name take: letters, digits, dot, dash, underscore."""
    return re.sub(r"[^a-zA-Z0-9_.-]+", "-", text).strip("-")


def count_statistical_blockers(checks: Sequence[PlannedCheck]) -> int:
    """m of DESIGN 6.6: the planned blockers that are estimates and applicable; at least 1."""
    return max(1, sum(c.kind == "estimate" and c.level is Level.BLOCKER and c.not_applicable is None for c in checks))
