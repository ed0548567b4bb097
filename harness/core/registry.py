"""Plug-ins found by file name, loaded lazily; entry points for outside packages; did-you-mean."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterable
from importlib.metadata import entry_points
from types import ModuleType

from harness.core.errors import UsageError

KINDS = {
    "attacks": "harness.attacks",
    "faults": "harness.faults",
    "protocols": "harness.protocols",
    "reports": "harness.reports",
    "scenarios": "harness.scenarios",
    "suites": "harness.suites",
}
"""Each kind of plug-in and the package whose files are its members; also the entry-point group for outside ones."""


def names(kind: str) -> tuple[str, ...]:
    """Every member of a kind, sorted; nothing is imported but the package itself."""
    package = importlib.import_module(KINDS[kind])
    inside = {info.name.removeprefix("as_") for info in pkgutil.iter_modules(package.__path__)}
    outside = {point.name for point in entry_points(group=KINDS[kind])}
    return tuple(sorted(name for name in inside | outside if not name.startswith("_")))


def load(kind: str, name: str) -> ModuleType:
    """The module of one member. Raises `UsageError` that lists the known ones."""
    if name not in names(kind):
        raise UsageError(unknown(kind.removesuffix("s"), name, names(kind)))
    for point in entry_points(group=KINDS[kind]):
        if point.name == name:
            return importlib.import_module(point.value)
    stem = f"as_{name}" if kind == "reports" else name
    return importlib.import_module(f"{KINDS[kind]}.{stem}")


def unknown(what: str, given: str, known: Iterable[str]) -> str:
    """`unknown suite 'smok'; known: integration, smoke. Did you mean 'smoke'?`."""
    known = sorted(known)
    near = difflib.get_close_matches(given, known, n=1)
    hint = f". Did you mean {near[0]!r}?" if near else ""
    return f"unknown {what} {given!r}; known: {', '.join(known) or 'none'}{hint}"
