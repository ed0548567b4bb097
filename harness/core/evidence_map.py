"""Which checks give evidence relevant to which clauses of frameworks, standards and laws. Pure.

A map says what a check speaks about, never that a service conforms. Tested in tests/reports/test_as_evidence.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clause:
    """A clause by its number and title, and the checks that speak about it: none where no test from outside can.

    An entry of `checks` is a suite, a module, a test or an id, with or without `ai-suite/`; it stands for all within.
    """

    name: str
    """Its number, or its name where it has none."""
    title: str
    """What it is about."""
    checks: tuple[str, ...] = ()
    """Suites, modules, tests or ids that give evidence relevant to it."""


@dataclass(frozen=True, slots=True)
class Framework:
    """A framework with its clauses; `source` is the edition whose numbers they are, and what is left out of it."""

    name: str
    """Its short name."""
    source: str
    """The edition whose numbers the clauses have, and what is left out."""
    clause: tuple[Clause, ...]
    """Its clauses."""


@dataclass(frozen=True, slots=True)
class EvidenceMap:
    """The content of a map's file, which repeats `[[framework]]`, and in it `[[framework.clause]]`."""

    framework: tuple[Framework, ...] = ()
    """The frameworks, in the order in which they are shown."""

    def list_problems(self) -> Iterator[str]:
        """What makes it useless: no clause, or a name that stands twice."""
        if not any(framework.clause for framework in self.framework):
            yield "it has no [[framework.clause]]"
        for framework in self.framework:
            names = [clause.name for clause in framework.clause]
            yield from (f"{framework.name}: {name!r} stands twice" for name in _find_doubles(names))
        yield from (f"framework {name!r} stands twice" for name in _find_doubles([f.name for f in self.framework]))


def is_relevant(clause: Clause, check: str, own_clauses: Iterable[str] = ()) -> bool:
    """Whether a check speaks about a clause: by the map, or because it states the clause itself."""
    id_ = check.removeprefix("ai-suite/")
    by_map = any(_covers(entry.removeprefix("ai-suite/"), id_) for entry in clause.checks)
    return by_map or any(_covers_name(clause.name, own) for own in own_clauses)


def _covers(entry: str, id_: str) -> bool:
    rest = id_.removeprefix(entry)
    return rest == "" or (len(rest) < len(id_) and rest.startswith(("/", "::", "[")))


def _covers_name(name: str, own: str) -> bool:
    """Whether a check's own words, like `MITRE ATLAS AML.T0029 denial of AI service`, name this clause."""
    return f" {name} " in f" {own} "


def _find_doubles(names: Iterable[str]) -> list[str]:
    return [name for name, times in Counter(names).items() if times > 1]
