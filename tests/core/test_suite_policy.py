"""A suite's policy is read from its own package, and from no other."""

from __future__ import annotations

import subprocess
import sys
import types

import pytest

from harness.core import registry
from harness.core.errors import UsageError
from harness.core.metric import SINGLE_REQUESTS
from harness.core.suite_policy import explain_ground, find_policy, list_sections, sort_suites
from harness.suite import list_modules

SCRIPT = """
import os, sys
from harness.config.resolve import Options, resolve_settings
from harness.run.planning import build_plan
from harness.suite import list_checks
settings = resolve_settings(Options(suites=("smoke",), endpoint="http://127.0.0.1:1", config=sys.argv[1]), {}, [])
plan = build_plan(settings, [check for suite in settings.suites for check in list_checks(suite)])
print(*sorted({name.split(".")[2] for name in sys.modules if name.startswith("harness.suites.")}))
"""
OBJECTIVE = '[[objective]]\nsuite = "validation"\nmetric = "accuracy"\nlimit = ">= 90%"\n'


@pytest.mark.parametrize(("config", "imported"), [("", "smoke"), (OBJECTIVE, "smoke validation")])
def test_only_suites_that_are_wanted_or_named_by_an_objective_are_imported(
    tmp_path: object, config: str, imported: str
) -> None:
    path = f"{tmp_path}/aiharness.toml"
    with open(path, "w") as file:
        file.write(config)
    done = subprocess.run([sys.executable, "-c", SCRIPT, path], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == imported


def test_all_run_in_the_order_of_their_policies() -> None:
    assert sort_suites(["chaos", "smoke", "load", "adversarial", "validation", "integration"]) == (
        "smoke", "integration", "validation", "adversarial", "load", "chaos",
    )  # fmt: skip


def test_sections_and_grounds_are_those_that_the_suites_declare() -> None:
    assert list_sections().keys() == {"adversarial", "load", "capacity", "chaos"}
    assert explain_ground("load") == "no load is configured ([load] rate and duration)"
    assert explain_ground("chaos") == "[chaos] is not configured"
    assert "no labelled data" in explain_ground("data")
    with pytest.raises(UsageError, match="unknown suite 'laod'"):
        explain_ground("laod")


def test_a_test_of_the_users_own_judges_single_requests() -> None:
    assert find_policy("").metrics == SINGLE_REQUESTS


def test_a_policy_that_is_not_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    package = types.ModuleType("theirs")
    package.POLICY = {"order": 1}  # type: ignore[attr-defined]
    monkeypatch.setattr(registry, "load_plugin", lambda kind, name: package)
    with pytest.raises(UsageError, match=r"suite 'theirs': its POLICY is a dict and not a harness\.SuitePolicy"):
        find_policy("theirs")
    del package.POLICY
    assert find_policy("theirs").order == 1000, "a suite without a policy runs last and judges no objective"


def test_the_files_that_their_suite_names_run_first() -> None:
    """Few requests a minute: all others wait for their turn, and the run may end before the limit itself is judged."""
    stems = [stem for _, stem in list_modules("integration")]
    assert stems[:2] == ["test_rate_limit", "test_disconnect"]
    assert stems[2:] == sorted(stems[2:])
    assert len(set(stems)) == len(stems) > 10
