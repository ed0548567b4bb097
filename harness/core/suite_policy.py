"""SuitePolicy: what a suite declares of itself in its package, and what planning, settings, running and reports ask.

Tested in tests/core/test_suite_policy.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from harness.core import registry
from harness.core.errors import UsageError
from harness.core.measurement import Scope
from harness.core.metric import SINGLE_REQUESTS, Metric
from harness.core.objective import Objective
from harness.core.settings import GROUNDS


def _sample_until_decided(scope: Scope, objective: Objective) -> int | None:
    """Samples are asked until the sequential test ends."""
    return None


def _know_no_time(scope: Scope, objective: Objective) -> float:
    """How long the samples take is not fixed."""
    return 0.0


def _see_no_obstacle(scope: Scope, objective: Objective) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Section:
    """A suite's own section of the configuration file, `[NAME]`.

    `record` is a frozen dataclass whose fields are the keys, with their defaults; its method `find_problem`, if it has
    one, returns (key, what is wrong) or None. `missing` says why a check is not judged without the section, for checks
    that name the suite among their grounds. `always`: without the section the defaults count. `requires` maps a module
    that must be installed to what installs it.
    """

    record: type[Any]
    missing: str = ""
    always: bool = False
    requires: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SuitePolicy:
    """`POLICY` of a suite's package, whose modules import nothing but `harness.core` for it.

    `order` is its place among all suites, the lowest first; `metrics` are those that its objectives may bound.
    `samples` counts the samples of an objective for a scope (None: until its sequential test ends), `seconds` the time
    over which they are spread, `find_obstacle` says why an objective on a rate cannot be shown (empty: it can);
    `dependent` says that they may depend on one another and are judged in time blocks;
    `hint` what the user can give for an objective that cannot pass. `section` is its own section of the configuration,
    `reads` names others that it needs ("data", "fault"). `compares`: its objectives are compared with a baseline.
    `on_request`: only its name chooses it, `all` does not.
    `first` names the files that run before its others, in this order; the others run in that of their names.
    `shares_answers`: its checks share answers in a process, and their cost counts each answer once. `disturbs`: it
    disturbs the service, so that its times are no property of it. `not_assessed` says what it leaves open of a model
    that generates text, whatever is configured.
    """

    order: int = 1000
    metrics: tuple[Metric, ...] = ()
    samples: Callable[[Scope, Objective], int | None] = _sample_until_decided
    seconds: Callable[[Scope, Objective], float] = _know_no_time
    find_obstacle: Callable[[Scope, Objective], str] = _see_no_obstacle
    dependent: bool = False
    hint: str = "a profile with a larger cap"
    section: Section | None = None
    reads: tuple[str, ...] = ()
    compares: bool = False
    on_request: bool = False
    first: tuple[str, ...] = ()
    shares_answers: bool = False
    disturbs: bool = False
    not_assessed: str = ""


_USER_TESTS = SuitePolicy(metrics=SINGLE_REQUESTS)


def find_policy(suite: str) -> SuitePolicy:
    """The policy that a suite declares; a suite without one has the defaults. Imports this suite's package alone.

    The empty name stands for the user's own tests. Raises `UsageError` for an unknown suite, and for one of an outside
    package that cannot be imported.
    """
    if not suite:
        return _USER_TESTS
    policy = getattr(registry.load_plugin("suites", suite), "POLICY", SuitePolicy())
    if not isinstance(policy, SuitePolicy):
        raise UsageError(f"suite {suite!r}: its POLICY is a {type(policy).__name__} and not a harness.SuitePolicy")
    return policy


def explain_ground(name: str) -> str:
    """Why a check that needs this ground is not judged without it. Raises `UsageError` for an unknown ground."""
    if name in GROUNDS:
        return GROUNDS[name]
    section = find_policy(name).section
    return (section.missing if section else "") or f"[{name}] is not configured"


def list_sections() -> dict[str, Section]:
    """The section of every suite that has one of its own; an outside suite that cannot be imported is left out."""
    sections = {}
    for name in registry.list_plugins("suites"):
        with suppress(UsageError):
            if section := find_policy(name).section:
                sections[name] = section
    return sections


def sort_suites(names: Iterable[str]) -> tuple[str, ...]:
    """These suites in the order in which they run. Raises as `find_policy`."""
    return tuple(sorted(names, key=lambda name: (find_policy(name).order, name)))
