"""The real Allure 3 and Microsoft's SARIF Multitool read what we write; both come from npm."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.core.report import Report
from harness.core.verdict import Status
from harness.run.report_files import render_report, save_report
from tests.reports.browser import install_packages

pytestmark = pytest.mark.environment

PACKAGES = ("allure@3.18.0", "@microsoft/sarif-multitool-linux@5.7.0")


@pytest.fixture(scope="session")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_packages(tmp_path_factory.mktemp("npm"), *PACKAGES)


def generate(modules: Path, report: Report, folder: Path) -> dict[str, Any]:
    """What Allure's report says of the run."""
    save_report("allure", folder / "results", render_report("allure", report, folder))
    command = [str(modules / ".bin" / "allure"), "generate", "results", "-o", "report"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
    return dict(json.loads((folder / "report" / "summary.json").read_text()))


def test_allure_draws_the_run(modules: Path, sample: Report, tmp_path: Path) -> None:
    summary = generate(modules, sample, tmp_path)
    assert summary["status"] == "failed"
    assert summary["stats"]["total"] == len(sample.checks) + 1
    assert summary["stats"]["passed"] == sum(row.verdict is Status.PASS for row in sample.checks)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, "passed"),
        ({"verdict": Status.INCONCLUSIVE, "exit_status": 20}, "failed"),
        ({"verdict": Status.INCONCLUSIVE, "exit_status": 0}, "failed"),
        ({"verdict": Status.ERROR, "exit_status": 21}, "broken"),
        ({"partial": True}, "failed"),
    ],
    ids=["whole", "inconclusive", "let-through", "error", "partial"],
)
def test_allure_says_passed_of_a_whole_pass_alone(
    modules: Path, change: dict[str, Any], status: str, passing: Report, tmp_path: Path
) -> None:
    report = replace(passing, run=replace(passing.run, **change))
    summary = generate(modules, report, tmp_path)
    assert summary["status"] == status
    assert summary["stats"]["passed"] == len(report.checks) + (status == "passed")


@pytest.mark.parametrize("kind", ["sample", "passing", "hostile"])
def test_the_multitool_finds_no_error(modules: Path, kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    tool = modules / "@microsoft" / "sarif-multitool-linux" / "Sarif.Multitool"
    tool.chmod(0o755)
    save_report("sarif", tmp_path / "a.sarif", render_report("sarif", request.getfixturevalue(kind), tmp_path))
    environment = os.environ | {"DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"}
    command = [
        str(tool),
        "validate",
        "a.sarif",
        "--rule-kind",
        "Sarif;Ghas",
        "--log",
        "ForceOverwrite",
        "-o",
        "b.sarif",
    ]
    answer = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert "Analysis completed successfully" in answer.stdout, answer.stdout + answer.stderr
    results = json.loads((tmp_path / "b.sarif").read_text(encoding="utf-8-sig"))["runs"][0].get("results", [])
    errors = [result for result in results if result.get("level") == "error"]
    assert not errors, json.dumps(errors)[:2000]
