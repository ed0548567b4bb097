"""What draws requests is an extra: loaded for its check alone, and said to be missing where it is."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from harness.config import resolve
from harness.config.options import Options
from harness.run.planning import build_plan
from harness.suite import list_checks
from tests.conftest import run_gate

HEAVY = ("hypothesis", "hypothesis_jsonschema", "jsonschema", "schemathesis")


def test_collecting_the_suite_loads_none_of_it() -> None:
    code = (
        "import sys; from harness.suite import list_checks; import harness.generation.search;"
        f"assert len(list(list_checks('integration'))) > 4; print(*(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("suite", ["smoke", "integration"])
def test_a_run_without_the_check_loads_none_of_it(tmp_path: Path, reference: str, suite: str) -> None:
    (tmp_path / "conftest.py").write_text(
        "import sys\n"
        "def pytest_sessionfinish(session):\n"
        f"    print('loaded:', *(set({HEAVY!r}) & set(sys.modules)), ':end')\n"
    )
    wanted = ["-k", "not generated and not own_ and not singles"] if suite == "integration" else []
    outcome = run_gate(
        tmp_path,
        f"--ai-endpoint={reference}",
        "--ai-model=digits",
        "--ai-protocol=v2",
        *wanted,
        suite=suite,
        fresh=True,
    )
    assert "loaded: :end" in outcome.out, outcome.out


def test_without_the_extra_the_checks_are_not_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(resolve, "find_spec", lambda name: None if name == "hypothesis_jsonschema" else find_spec(name))
    options = Options(suites=("integration",), endpoint="http://127.0.0.1:1", protocol="v2")
    declared = [(check.id, check.suite, check.spec) for check in list_checks("integration")]
    plan = build_plan(resolve.resolve_settings(options, {}, [tmp_path]), declared)
    assert not [check for check in plan.checks if "generated" in check.id]
    reasons = [reason for reason in plan.not_judged if "aiharness[property]" in reason]
    assert len(reasons) == 2
    monkeypatch.setattr(resolve, "find_spec", find_spec)
    plan = build_plan(resolve.resolve_settings(options, {}, [tmp_path]), declared)
    assert len([check for check in plan.checks if "generated" in check.id]) == 2
