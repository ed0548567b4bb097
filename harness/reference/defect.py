"""Seeded defects: what one is, and where they are found (one file each in `harness/reference/defects/`)."""

from __future__ import annotations

from dataclasses import dataclass

from harness.reference import defects
from harness.reference.switch import Switch, load_from, names_in


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect(Switch):
    """One fault that the service can be given on purpose; a file offers it as `DEFECT`.

    `caught_by` is the id, or its beginning, of the check that must catch it.
    """

    caught_by: str


def names() -> tuple[str, ...]:
    """Every defect, sorted."""
    return names_in(defects)


def load(name: str) -> Defect:
    """The defect of a name. Raises `UsageError` that lists the known ones."""
    return load_from(defects, Defect, name)
