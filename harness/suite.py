"""What a suite module is written with: `check` declares a packaged check, `once` a function whose result several share.

A packaged check is a pytest function whose return value is its `Verdict`:

    @check("the service says it is live", needs=("liveness",))
    def test_live(ai_client: Session) -> Verdict:
        return health.judge_health_call("live", ai_client.probe("live"), ai_client.show)

`Session`, `Verdict`, `make_inconclusive` and `mutate` can be imported from here, too, because nearly every check needs
them.
`list_checks` gives all that a suite declares.

Tested in tests/suites/test_catalogue.py.
"""

from __future__ import annotations

import functools
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

import pytest

from harness.core.check_spec import CheckSpec
from harness.core.errors import UsageError
from harness.core.mutation import mutate
from harness.core.registry import import_module, load_plugin
from harness.core.suite_policy import find_policy
from harness.core.verdict import Level, Verdict, make_inconclusive
from harness.run.session import Session

__all__ = [
    "ROOT",
    "DeclaredCheck",
    "Session",
    "Verdict",
    "check",
    "find_function",
    "find_spec",
    "list_checks",
    "list_modules",
    "make_inconclusive",
    "mutate",
    "once",
]

_T = TypeVar("_T")
F = TypeVar("F", bound=Callable[..., Any])
ROOT = "ai-suite"
"""First part of every packaged check's id: `ai-suite/smoke/test_health.py::test_live`."""


def check(title: str, *, level: str = "blocker", cases: tuple[str, ...] = (), **declared: Any) -> Callable[[F], F]:
    """Declare a packaged check; `declared` are further fields of `CheckSpec`. `cases` arrive as the argument `case`.

    A check of measurements sends nothing of its own unless it says so in `requests`.
    """
    if "measures" in declared:
        declared.setdefault("requests", 0)
    spec = CheckSpec(title, level=Level(level), cases=cases, **declared)

    def declare(function: F) -> F:
        function.__aicheck__ = spec  # type: ignore[attr-defined]
        if cases:
            pytest.mark.parametrize("case", cases)(function)
        return function

    return declare


def once(ask: Callable[[Session], _T]) -> Callable[[Session], _T]:
    """Declare a function whose result several checks judge: it is called by the first of them in this process."""
    return functools.wraps(ask)(lambda session: session.once(ask, lambda: ask(session)))


def find_spec(function: object) -> CheckSpec | None:
    """What a function declared with `check`, or None for a test of the user's own."""
    spec = getattr(function, "__aicheck__", None)
    return spec if isinstance(spec, CheckSpec) else None


class DeclaredCheck(NamedTuple):
    """A packaged check as its file declares it; `id` is without the parameter."""

    id: str
    suite: str
    spec: CheckSpec


def find_function(suite: str, id_: str) -> Callable[..., Verdict]:
    """The function of a packaged check's id, with or without its parameter."""
    stem, _, name = id_.partition("[")[0].rpartition("/")[2].partition(".py::")
    package = load_plugin("suites", suite)
    function: Callable[..., Verdict] = getattr(import_module(f"{package.__name__}.{stem}", f"suite {suite!r}"), name)
    return function


def list_modules(suite: str) -> list[tuple[str, str]]:
    """The test modules of a suite in the order in which they run, as (module name, file stem).

    Raises `UsageError` for an unknown suite.
    """
    package, first = load_plugin("suites", suite), find_policy(suite).first
    stems = [info.name for info in pkgutil.iter_modules(package.__path__) if info.name.startswith("test_")]
    ordered = [*filter(stems.__contains__, first), *sorted(set(stems).difference(first))]
    return [(f"{package.__name__}.{stem}", stem) for stem in ordered]


def list_checks(suite: str) -> Iterator[DeclaredCheck]:
    """Every check that a suite's files declare, in the order in which they run."""
    for module_name, stem in list_modules(suite):
        module = import_module(module_name, f"suite {suite!r}")
        for name, function in vars(module).items():
            if not (name.startswith("test") and inspect.isfunction(function)):
                continue
            spec = find_spec(function)
            if spec is None:
                raise UsageError(f"{module_name}.{name} is in a packaged suite and declares no @check")
            yield DeclaredCheck(f"{ROOT}/{suite}/{stem}.py::{name}", suite, spec)
