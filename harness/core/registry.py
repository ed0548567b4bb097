"""Plug-ins, which are found by file name or by entry point and loaded lazily; suggestions for unknown names."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import re
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType

from harness.core.errors import UsageError

_GROUP = "harness.{}"
"""The entry-point group in which outside packages offer plug-ins of a kind, as `name = "package.module"`."""

_MOST_LISTED, _MOST_SHOWN = 40, 60
"""Known names that are all listed although a near one is named; and where none is near."""

_PACKAGES = {
    "attacks": ("harness.attacks",),
    "disturbances": ("harness.disturbances",),
    "faults": ("harness.faults",),
    "graders": ("harness.graders",),
    "metrics": ("harness.metrics.families",),
    "peer_results": ("harness.peer_results",),
    "platform_actions": ("harness.platform_actions",),
    "probes": ("harness.probes",),
    "protocols": ("harness.protocols.text", "harness.protocols.tensor"),
    "relations": ("harness.relations",),
    "reports": ("harness.reports",),
    "scenarios": ("harness.scenarios",),
    "suites": ("harness.suites",),
    "workloads": ("harness.load.workload",),
}
"""Each kind of plug-in, and the packages whose files are plug-ins of this kind."""


def list_plugins(kind: str) -> tuple[str, ...]:
    """The names of all plug-ins of a kind, sorted. Only the packages are imported, not the plug-ins."""
    return tuple(sorted(_find_modules(kind)))


def load_plugin(kind: str, name: str) -> ModuleType:
    """Import the module of one plug-in.

    Raises `UsageError` with the known names, or that says why one of an outside package cannot be imported.
    """
    return import_module(find_module(kind, name), f"{kind.removesuffix('s')} {name!r}")


def import_module(module: str, plugin: str) -> ModuleType:
    """Import a module of this plug-in. Raises `UsageError` that names both where an outside package is broken."""
    try:
        return importlib.import_module(module)
    except Exception as error:
        if module.startswith("harness."):
            raise
        problem = f"{type(error).__name__}: {error}"
        raise UsageError(f"{plugin} of {module} cannot be imported: {problem}") from error


def find_module(kind: str, name: str) -> str:
    """The name of one plug-in's module, which is not imported. Raises `UsageError` with the known names."""
    modules = _find_modules(kind)
    if name not in modules:
        raise UsageError(describe_unknown(kind.removesuffix("s"), name, modules))
    return modules[name]


def _find_modules(kind: str) -> Mapping[str, str]:
    """The module of each plug-in by its name; one of an outside package replaces ours of the same name."""
    return _find_modules_on(tuple(sys.path), kind)


@cache
def _find_modules_on(path: tuple[str, ...], kind: str) -> Mapping[str, str]:
    modules = {}
    for package_name in _PACKAGES[kind]:
        package = importlib.import_module(package_name)
        for info in pkgutil.iter_modules(package.__path__):
            if not info.name.startswith("_"):
                modules[info.name.removeprefix("as_")] = f"{package_name}.{info.name}"
    for point in _read_entry_points(path):
        if point.group == _GROUP.format(kind):
            modules[point.name] = point.value
    return modules


@cache
def _read_entry_points(path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """Those of every kind, from the metadata of every installed package, which are slow to read: once for each path."""
    installed = entry_points()
    return tuple(point for kind in _PACKAGES for point in installed.select(group=_GROUP.format(kind)))


def describe_unknown(what: str, given: str, known: Iterable[str]) -> str:
    """A message such as `unknown suite 'smok'; known: integration, smoke. Did you mean 'smoke'?`."""
    known = sorted(known)
    near = difflib.get_close_matches(given.lower(), known, n=1)
    if not near:
        words = {word for word in re.split(r"[\W_]+", given.lower()) if len(word) > 2}
        near = [name for name in known if words & set(name.split("_"))][:3]
    listed = ", ".join(known[:_MOST_SHOWN]) or "none"
    if len(known) > _MOST_SHOWN:
        listed += f", and {len(known) - _MOST_SHOWN} more"
    if near and len(known) > _MOST_LISTED:
        listed = f"{len(known)} others"
    message = f"unknown {what} {given!r}; known: {listed}"
    if near:
        message += f". Did you mean {' or '.join(map(repr, near))}?"
    return message
