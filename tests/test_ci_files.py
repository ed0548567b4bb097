"""The CI files of examples/ci: their shell lines, run as the CI system runs them, against the reference service."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import xml.etree.ElementTree as ET
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).parents[1] / "examples" / "ci"
GITHUB: dict[str, Any] = yaml.safe_load((FOLDER / "github-actions.yml").read_text())
GITLAB: dict[str, Any] = yaml.safe_load((FOLDER / "gitlab-ci.yml").read_text())
STEPS: list[dict[str, Any]] = GITHUB["jobs"]["gate"]["steps"]
JOB: dict[str, Any] = GITLAB["release-gate"]


def list_github_scripts() -> list[tuple[str, bool]]:
    """Each `run:` but the installation, and whether it runs after a failure too."""
    return [(step["run"], "if" in step) for step in STEPS if "run" in step and step["name"] != "Install"]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def make_environment(folder: Path, declared: dict[str, Any], defect: str) -> dict[str, str]:
    """The file's own variables, with the reference as the service and one suite."""
    port = free_port()
    service = f"{sys.executable} -m harness.reference --port {port} {defect}"
    own = {"SERVICE": service, "MODEL_URL": f"http://127.0.0.1:{port}", "SUITES": "smoke"}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return os.environ | declared | own | {"PATH": path, "GITHUB_STEP_SUMMARY": str(folder / "summary.md")}


def run_scripts(folder: Path, scripts: list[tuple[str, bool]], environment: dict[str, str]) -> list[int]:
    """The status of each script, each in a shell of its own; after a failure only those of `always()`."""
    statuses: list[int] = []
    shells: list[subprocess.Popen[bytes]] = []
    try:
        for script, always in scripts:
            if any(statuses) and not always:
                continue
            with (folder / "out.txt").open("ab") as out:
                shell = subprocess.Popen(
                    ["bash", "-e", "-o", "pipefail", "-c", script], cwd=folder, env=environment, stdout=out,
                    stderr=out, start_new_session=True,
                )  # fmt: skip
                shells.append(shell)
                statuses.append(shell.wait(180))
    finally:
        for shell in shells:
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
    return statuses


def check_results(folder: Path, status: int) -> None:
    text = (folder / "out.txt").read_text()
    assert json.loads((folder / "ai-run" / "gate.json").read_text())["run"]["exit_status"] == status, text
    suite = ET.parse(folder / "ai-run" / "junit.xml").getroot()
    assert len(list(suite.iter("testcase"))) >= 10
    assert bool(list(suite.iter("failure"))) is (status == 1)
    assert (folder / "service.log").exists()
    assert ("FAIL" if status else "PASS") in (folder / "report.md").read_text().partition("\n")[0]


@pytest.mark.slow
@pytest.mark.parametrize(("defect", "status"), [("", 0), ("--defect=missing_terminator", 1)], ids=["healthy", "broken"])
def test_the_steps_for_github_gate_a_service(defect: str, status: int, tmp_path: Path) -> None:
    environment = make_environment(tmp_path, GITHUB["env"], defect)
    statuses = run_scripts(tmp_path, list_github_scripts(), environment)
    assert statuses == [0, status, 0], (tmp_path / "out.txt").read_text()
    check_results(tmp_path, status)
    assert (tmp_path / "summary.md").read_text() == (tmp_path / "report.md").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(("defect", "status"), [("", 0), ("--defect=missing_terminator", 1)], ids=["healthy", "broken"])
def test_the_job_for_gitlab_gates_a_service(defect: str, status: int, tmp_path: Path) -> None:
    environment = make_environment(tmp_path, JOB["variables"], defect)
    assert run_scripts(tmp_path, [("\n".join(JOB["script"]), False)], environment) == [status]
    check_results(tmp_path, status)


def test_what_the_systems_keep_is_what_the_scripts_write() -> None:
    gate = next(step["run"] for step in STEPS if step.get("name") == "Gate")
    keep = next(step for step in STEPS if step.get("name") == "Keep the run")
    assert keep["if"] == "always()"
    assert keep["with"]["path"].split() == ["ai-run", "service.log"]
    assert JOB["artifacts"]["when"] == "always"
    assert JOB["artifacts"]["paths"] == ["ai-run/", "report.md", "service.log"]
    assert JOB["artifacts"]["reports"] == {"junit": "ai-run/junit.xml"}
    for script in (gate, "\n".join(JOB["script"])):
        for option in ("--ai-run-dir=ai-run", "--ai-wait-ready=", "--ai-report=markdown:report.md"):
            assert option in script
