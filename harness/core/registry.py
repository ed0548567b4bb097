"""Plug-ins found by file name, loaded lazily; entry points for outside packages; did-you-mean."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterable
from importlib.metadata import entry_points
from types import ModuleType

from harness.core.errors import UsageError

_GROUP = "harness.{}"
"""The entry-point group in which outside packages announce members of a kind, as `name = "package.module"`."""

_PACKAGES = {
    "attacks": ("harness.attacks",),
    "faults": ("harness.faults",),
    "protocols": ("harness.protocols.text", "harness.protocols.tensor"),
    "reports": ("harness.reports",),
    "scenarios": ("harness.scenarios",),
    "suites": ("harness.suites",),
}
"""Each kind of plug-in and the packages whose files are its members."""


def list_plugins(kind: str) -> tuple[str, ...]:
    """Every member of a kind, sorted; nothing is imported but the packages themselves."""
    return tuple(sorted(_module_names(kind)))


def load_plugin(kind: str, name: str) -> ModuleType:
    """The module of one member. Raises `UsageError` that lists the known ones."""
    modules = _module_names(kind)
    if name not in modules:
        raise UsageError(describe_unknown(kind.removesuffix("s"), name, modules))
    return importlib.import_module(modules[name])


def _module_names(kind: str) -> dict[str, str]:
    """The module of each member by its name; an outside member replaces a packaged one of the same name."""
    modules = {}
    for package_name in _PACKAGES[kind]:
        package = importlib.import_module(package_name)
        for info in pkgutil.iter_modules(package.__path__):
            if not info.name.startswith("_"):
                modules[info.name.removeprefix("as_")] = f"{package_name}.{info.name}"
    for point in entry_points(group=_GROUP.format(kind)):
        modules[point.name] = point.value
    return modules


def describe_unknown(what: str, given: str, known: Iterable[str]) -> str:
    """`unknown suite 'smok'; known: integration, smoke. Did you mean 'smoke'?`."""
    known = sorted(known)
    near = difflib.get_close_matches(given, known, n=1)
    hint = f". Did you mean {near[0]!r}?" if near else ""
    return f"unknown {what} {given!r}; known: {', '.join(known) or 'none'}{hint}"
