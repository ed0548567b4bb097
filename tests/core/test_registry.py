"""Plug-ins found by name: the packaged ones, those of outside packages, and names that are misspelt."""

from __future__ import annotations

import types
from importlib.metadata import EntryPoint

import pytest

from harness import suite
from harness.core import registry
from harness.core.errors import UsageError
from harness.core.registry import describe_unknown, list_plugins, load_plugin

SUITES = ("smoke", "integration", "validation", "adversarial", "load", "capacity", "chaos")


def test_registry() -> None:
    assert list_plugins("suites") == ("adversarial", "capacity", "chaos", "integration", "load", "smoke", "validation")
    assert "Did you mean 'smoke'" in describe_unknown("suite", "smok", list_plugins("suites"))
    many = [f"name_{number}" for number in range(100)]
    assert describe_unknown("defect", "batch_leak", [*many, "batch_leaks"]).endswith(
        "known: 101 others. Did you mean 'batch_leaks'?"
    )
    assert describe_unknown("suite", "SMOKE", ["smoke"]).endswith("Did you mean 'smoke'?")
    assert describe_unknown("key", "total_deadline", ["total", "connect"]).endswith("Did you mean 'total'?")
    assert describe_unknown("key", "ramp", ["rate"]).endswith("known: rate")
    with pytest.raises(UsageError, match="html"):
        load_plugin("reports", "htm")


def test_suites_of_outside_packages_are_found_by_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    outside = EntryPoint("theirs", "harness.suites.smoke", "harness.suites")
    monkeypatch.setattr(registry, "_find_modules_on", registry._find_modules_on.__wrapped__)
    monkeypatch.setattr(registry, "_read_entry_points", lambda path: (outside,))
    assert set(registry.list_plugins("suites")) == {*SUITES, "theirs"}
    assert [stem for _, stem in suite.list_modules("theirs")] == [stem for _, stem in suite.list_modules("smoke")]
    with pytest.raises(UsageError, match="Did you mean 'theirs'"):
        suite.list_modules("thiers")


def test_a_packaged_function_without_a_declaration_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("harness.suites.bare.test_bare")
    exec("def test_bare(): pass", vars(module))
    monkeypatch.setattr(suite, "list_modules", lambda name: [("bare", "test_bare")])
    monkeypatch.setattr("importlib.import_module", lambda name: module)
    with pytest.raises(UsageError, match="declares no @check"):
        list(suite.list_checks("bare"))
