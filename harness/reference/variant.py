"""Healthy variants: odd, and right (one file each in `harness/reference/variants/`). No check may fail them."""

from __future__ import annotations

from dataclasses import dataclass

from harness.reference import variants
from harness.reference.switch import Switch, load_from, names_in


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant(Switch):
    """One manner of a real server that looks odd and is right; a file offers it as `VARIANT`.

    `withdraws` names the promises that such a service does not make.
    """

    withdraws: tuple[str, ...] = ()


def names() -> tuple[str, ...]:
    """Every variant, sorted."""
    return names_in(variants)


def load(name: str) -> Variant:
    """The variant of a name. Raises `UsageError` that lists the known ones."""
    return load_from(variants, Variant, name)
