"""The files of examples/ci: their shell lines, run as each system runs them, against the reference service."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

FOLDER = Path(__file__).parents[1] / "examples" / "ci"
GITHUB: dict[str, Any] = yaml.safe_load((FOLDER / "github-actions.yml").read_text())
GITLAB: dict[str, Any] = yaml.safe_load((FOLDER / "gitlab-ci.yml").read_text())
ARGO: dict[str, Any] = yaml.safe_load((FOLDER / "argo-rollouts.yml").read_text())
FLAGGER: dict[str, Any] = yaml.safe_load((FOLDER / "flagger.yml").read_text())
JENKINS = (FOLDER / "Jenkinsfile").read_text()
STEPS: list[dict[str, Any]] = GITHUB["jobs"]["gate"]["steps"]
JOB: dict[str, Any] = GITLAB["release-gate"]
TEMPLATE: dict[str, Any] = ARGO["spec"]["metrics"][0]["provider"]["job"]["spec"]
CONTAINER: dict[str, Any] = TEMPLATE["template"]["spec"]["containers"][0]
HOOK: dict[str, Any] = FLAGGER["spec"]["analysis"]["webhooks"][0]

BASH = ("bash", "-e", "-o", "pipefail", "-c")


@dataclass(frozen=True)
class Script:
    """One shell text as a system runs it; `always` runs after a failure too."""

    text: str
    shell: tuple[str, ...] = BASH
    always: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)


def list_github_scripts() -> list[Script]:
    """Each `run:` but the installation."""
    scripts = []
    for step in STEPS:
        if "run" in step and step["name"] != "Install":
            environment = {name: value for name, value in step.get("env", {}).items() if "${{" not in value}
            scripts.append(Script(step["run"], always="if" in step, environment=environment))
    return scripts


def cut_jenkins_script() -> str:
    match = re.search(r"returnStatus: true, script: '''(.*?)'''", JENKINS, re.DOTALL)
    assert match is not None
    return match[1]


SYSTEMS: dict[str, tuple[list[Script], Mapping[str, str], bool]] = {
    "github": (list_github_scripts(), GITHUB["env"], True),
    "gitlab": ([Script("\n".join(JOB["script"]))], JOB["variables"], True),
    "jenkins": ([Script(cut_jenkins_script(), ("sh", "-xe", "-c"))], {}, True),
    "argo": ([Script(CONTAINER["args"][0], tuple(CONTAINER["command"]))], {}, False),
    "flagger": ([Script(HOOK["metadata"]["cmd"], ("bash", "-c"))], {}, False),
}
"""The scripts of each system, the variables of its file, and whether its scripts start the service."""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.2", 0))
        return int(listener.getsockname()[1])


def run_scripts(folder: Path, scripts: list[Script], environment: dict[str, str]) -> list[int]:
    """The status of each script, each in a shell of its own; after a failure only those of `always()`."""
    statuses: list[int] = []
    shells: list[subprocess.Popen[bytes]] = []
    try:
        for script in scripts:
            if any(statuses) and not script.always:
                continue
            environment_file = folder / "github-env"
            later = (
                dict(line.split("=", 1) for line in environment_file.read_text().splitlines())
                if environment_file.exists()
                else {}
            )
            with (folder / "out.txt").open("ab") as out:
                shell = subprocess.Popen(
                    [*script.shell, script.text], cwd=folder, env=environment | later | dict(script.environment),
                    stdout=out, stderr=out, start_new_session=True,
                )  # fmt: skip
                shells.append(shell)
                statuses.append(shell.wait(180))
    finally:
        for shell in shells:
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
    return statuses


def run_system(name: str, folder: Path, defect: str, url: str = "", waiting: str = "120") -> list[int]:
    """Run the scripts of a system in this folder with the reference as its service, and one suite."""
    scripts, declared, starts = SYSTEMS[name]
    port = free_port()
    command = [sys.executable, "-m", "harness.reference", "--host", "127.0.0.2", "--port", str(port), *defect.split()]
    url = url or f"http://127.0.0.2:{port}"
    own = {"SERVICE": " ".join(command), "MODEL_URL": url, "SUITES": "smoke", "TMPDIR": str(folder)}
    tools = folder / "tools"
    tools.mkdir()
    (tools / "gh").write_text('#!/bin/sh\necho "gh $*"\ncat comment.md >/dev/null\n')
    (tools / "gh").chmod(0o755)
    path = f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {key: str(value) for key, value in declared.items()} | own | {"PATH": path}
    environment |= {"GITHUB_STEP_SUMMARY": str(folder / "summary.md"), "GITHUB_ENV": str(folder / "github-env")}
    changed = []
    for script in scripts:
        text = script.text.replace("--ai-wait-ready=120", f"--ai-wait-ready={waiting}")
        text = text.replace("--suite=smoke,integration http://chat-canary.models:8000", f"--suite=smoke {url}")
        changed.append(Script(text, script.shell, script.always, script.environment))
    service = None if starts else subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        return run_scripts(folder, changed, environment)
    finally:
        if service is not None:
            service.kill()
            service.wait()


def find_gates(folder: Path) -> list[Path]:
    """The gate.json of each run, wherever the script has put it, oldest first."""
    return sorted(folder.glob("**/ai-run*/gate.json"), key=lambda path: path.stat().st_mtime)


CASES = [
    pytest.param(name, defect, status, marks=() if name == "github" else pytest.mark.catalogue, id=f"{name}-{status}")
    for name in SYSTEMS
    for defect, status in (("", 0), ("--defect=missing_terminator", 1))
]


@pytest.mark.slow(15)
@pytest.mark.parametrize(("name", "defect", "status"), CASES)
def test_the_scripts_gate_a_service(name: str, defect: str, status: int, tmp_path: Path) -> None:
    statuses = run_system(name, tmp_path, defect)
    text = (tmp_path / "out.txt").read_text()
    assert max(statuses) == status, text
    (gate,) = find_gates(tmp_path)
    assert json.loads(gate.read_text())["run"]["exit_status"] == status, text
    suite = ET.parse(gate.parent / "junit.xml").getroot()
    assert len(list(suite.iter("testcase"))) >= 10
    assert bool(list(suite.iter("failure"))) is (status == 1)
    if name == "github":
        word = ("PASS", "FAIL")[status]
        assert word in (tmp_path / "summary.md").read_text().partition("\n")[0]
        assert re.search(rf"^::{('notice', 'error')[status]} title={word}", text, re.MULTILINE)
        findings = json.loads((tmp_path / "gate.sarif").read_text())["runs"][0]["results"]
        assert bool(findings) is (status == 1)
        assert "gh pr comment" in text
    if name == "gitlab":
        assert json.loads((tmp_path / "report.ctrf.json").read_text())["results"]["tests"][0]["rawStatus"]


OTHER_CASES = [
    pytest.param(
        name, status, marks=() if (name, status) == ("github", 20) else pytest.mark.catalogue, id=f"{name}-{status}"
    )
    for name in SYSTEMS
    for status in (20, 21)
]


@pytest.mark.slow(10)
@pytest.mark.parametrize(("name", "status"), OTHER_CASES)
def test_no_script_takes_another_status_for_a_success(name: str, status: int, tmp_path: Path) -> None:
    url = f"http://127.0.0.2:{free_port()}" if status == 21 else ""
    statuses = run_system(name, tmp_path, "", url, "1" if status == 21 else "120 --ai-max-requests=3")
    text = (tmp_path / "out.txt").read_text()
    assert status in statuses, text
    gates = find_gates(tmp_path)
    assert {json.loads(gate.read_text())["run"]["exit_status"] for gate in gates} == {status}
    assert len(gates) == (2 if status == 21 and name in ("github", "jenkins") else 1)


def test_each_system_does_with_a_status_what_the_page_says() -> None:
    assert JOB["retry"] == {"max": 1, "exit_codes": [21]}
    assert "allow_failure" not in JOB
    (rule,) = TEMPLATE["podFailurePolicy"]["rules"]
    assert rule["action"] == "FailJob"
    assert rule["onExitCodes"] == {"containerName": CONTAINER["name"], "operator": "NotIn", "values": [21]}
    assert ARGO["spec"]["metrics"][0]["failureLimit"] == 0
    assert HOOK["metadata"]["type"] == "bash"
    assert re.search(
        r"if \(status == 20\) \{\s+unstable\(.*?\} else if \(status != 0\) \{\s+error\(", JENKINS, re.DOTALL
    )
    assert "currentBuild.currentResult == 'SUCCESS'" in JENKINS


def test_what_the_systems_keep_is_what_the_scripts_write() -> None:
    keep = next(step for step in STEPS if step.get("name") == "Keep the run")
    assert keep["if"] == "always()"
    assert keep["with"]["path"].split() == ["ai-run*", "service.log"]
    assert JOB["artifacts"]["when"] == "always"
    assert JOB["artifacts"]["paths"] == ["ai-run/", "report.md", "report.ctrf.json", "service.log"]
    assert JOB["artifacts"]["reports"] == {"junit": "ai-run/junit.xml"}
    for scripts, _, _ in SYSTEMS.values():
        text = "\n".join(script.text for script in scripts)
        assert re.search(r"--ai-wait-ready=\d+", text)
        assert re.search(r'--ai-run-dir=("\$run"|ai-run)', text)


@pytest.mark.environment
def test_github_and_gitlab_accept_their_files(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "venv"], cwd=tmp_path, check=True, timeout=120)
    install = [str(tmp_path / "venv/bin/pip"), "install", "-q", "check-jsonschema==0.39.0"]
    if subprocess.run(install, check=False, capture_output=True, timeout=300).returncode:
        pytest.skip("no package registry: pip install check-jsonschema")
    tool = str(tmp_path / "venv/bin/check-jsonschema")
    for arguments in (
        ["--builtin-schema", "vendor.github-workflows", "github-actions.yml"],
        ["--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci", "gitlab-ci.yml"],
    ):
        answer = subprocess.run([tool, *arguments], cwd=FOLDER, capture_output=True, text=True, timeout=60, check=False)
        assert answer.returncode == 0, answer.stdout + answer.stderr


def fetch_go_module(module: str) -> Path:
    if shutil.which("go") is None:
        pytest.skip("go is missing: apt-get install golang")
    answer = subprocess.run(["go", "mod", "download", "-json", module], capture_output=True, timeout=300, check=False)
    content = json.loads(answer.stdout or "{}")
    if "Dir" not in content:
        pytest.skip(f"no module proxy: go mod download {module}")
    return Path(content["Dir"])


@pytest.mark.environment
def test_actionlint_finds_nothing(tmp_path: Path) -> None:
    fetch_go_module("github.com/rhysd/actionlint@v1.7.7")
    environment = os.environ | {"GOBIN": str(tmp_path), "GOFLAGS": "-mod=mod"}
    command = ["go", "install", "github.com/rhysd/actionlint/cmd/actionlint@v1.7.7"]
    subprocess.run(command, env=environment, cwd=tmp_path, check=True, timeout=300)
    answer = subprocess.run([str(tmp_path / "actionlint"), str(FOLDER / "github-actions.yml")], check=False)
    assert answer.returncode == 0


@pytest.mark.environment
@pytest.mark.parametrize(
    ("module", "path", "content"),
    [
        ("github.com/argoproj/argo-rollouts@v1.8.3", "manifests/crds/analysis-template-crd.yaml", ARGO),
        ("github.com/fluxcd/flagger@v1.36.1", "artifacts/flagger/crd.yaml", FLAGGER),
    ],
    ids=["argo", "flagger"],
)
def test_the_definitions_of_kubernetes_accept_their_files(module: str, path: str, content: dict[str, Any]) -> None:
    definitions = yaml.safe_load_all((fetch_go_module(module) / path).read_text())
    kind = content["kind"]
    (definition,) = [one for one in definitions if one["spec"]["names"]["kind"] == kind]
    versions = {version["name"]: version for version in definition["spec"]["versions"]}
    schema = versions[content["apiVersion"].partition("/")[2]]["schema"]["openAPIV3Schema"]
    problems = [
        f"{error.message} at {list(error.path)}" for error in jsonschema.Draft4Validator(schema).iter_errors(content)
    ]
    assert not problems
