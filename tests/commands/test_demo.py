"""The demo: the six suites against the embedded deployment. A file of its own, since a worker needs minutes for it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.programs import run_module


def aiharness(*args: str, cwd: Path | None = None, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return run_module("harness", *args, cwd=cwd, timeout=timeout)


ABOUT_TIMES = ("ai-suite/load/", "ai-suite/chaos/", "ai-suite/smoke/test_objectives.py")
"""How the ids of the checks begin that a busy machine may leave INCONCLUSIVE: what they judge are times."""


@pytest.mark.slow(seconds=100)
def test_the_demo_passes(tmp_path: Path) -> None:
    """On a busy machine times may prove nothing, and all else passes; nothing FAILs.

    A machine that becomes slower for good after a fault looks like a service that does not recover: once more then.
    """
    for folder in ("first", "second"):
        done = aiharness("demo", f"--ai-run-dir={folder}", cwd=tmp_path, timeout=900)
        checks = json.loads((tmp_path / folder / "gate.json").read_text())["checks"]
        verdicts = {check["id"]: check["verdict"] for check in checks if check["verdict"] not in ("PASS", "SKIPPED")}
        failed = [id_ for id_, verdict in verdicts.items() if verdict == "FAIL"]
        if not failed or not all("recover" in id_ for id_ in failed):
            break
    assert set(verdicts.values()) <= {"INCONCLUSIVE"}, done.stdout
    assert all(id_.startswith(ABOUT_TIMES) for id_ in verdicts), done.stdout
    assert done.returncode == (20 if verdicts else 0), done.stdout + done.stderr
    assert sum(check["verdict"] == "PASS" for check in checks) > 120
    assert "report.html" in done.stdout


def test_a_defect_fails_the_demo(tmp_path: Path) -> None:
    """Of the whole demo only the check that catches the defect is run."""
    options = ("--defect=traceback_leak", "--ai-run-dir=broken", "-k", "test_errors and smoke")
    broken = aiharness("demo", *options, cwd=tmp_path, timeout=120)
    assert broken.returncode == 1, broken.stdout
    assert "Traceback" in broken.stdout
    assert "aiharness demo --serve keeps one running" in broken.stdout


def test_an_unknown_defect_of_the_demo_is_refused(tmp_path: Path) -> None:
    unknown = aiharness("demo", "--defect=traceback_leek", cwd=tmp_path)
    assert unknown.returncode == 4
    assert "Did you mean 'traceback_leak'" in unknown.stderr


@pytest.mark.slow
def test_ctrl_c_in_the_demo_writes_the_report_and_stops_the_deployment(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "harness", "demo", "--defect=stuck_stream", "--ai-run-dir=run"]
    environment = {**os.environ, "STARTED_FOR": str(tmp_path)}
    child = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    evidence = tmp_path / "run" / "evidence.jsonl"
    ends = time.monotonic() + 120
    while not (evidence.exists() and evidence.stat().st_size):
        assert time.monotonic() < ends
        time.sleep(0.05)
    os.killpg(child.pid, signal.SIGINT)
    out, _ = child.communicate(timeout=120)
    assert child.returncode == 2, out
    assert json.loads((tmp_path / "run" / "gate.json").read_text())["run"]["interrupted"]
    assert not list_processes(f"STARTED_FOR={tmp_path}")


def list_processes(variable: str) -> list[str]:
    """The processes that have this `NAME=value` in the environment that they were started with."""
    processes = []
    for file in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if variable.encode() in file.read_bytes().split(b"\0"):
                processes.append(file.parent.name)
    return processes
