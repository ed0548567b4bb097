"""SIGKILL of a run while each kind of fault is on: it ends, and `faults.jsonl` says when."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from harness.chaos.guardian import Guardian, LiftRecord
from harness.chaos.operator_log import TIMELINE
from harness.core.disturbance import find_disturbance
from harness.core.fault import list_faults, load_fault
from harness.core.platform_action import PlatformAction
from harness.io.json_lines import read_records
from harness.io.rundir import FAULTS, read_fault_lines
from harness.reference.deployment import Deployment
from tests.catalogues import sample_cases
from tests.chaos.chaosparts import eventually

KINDS = [name for name in list_faults() if load_fault(name).example is not None and not name.startswith("grpc")]
KINDS.remove("noop")  # it disturbs nothing, and is refused
NOTHING = [sys.executable, "-c", ""]


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    with Deployment("naive") as running:
        yield running


@pytest.fixture
def replica() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    yield process
    process.kill()
    process.wait()


def configure(kind: str, deployment: Deployment, pid: int) -> str:
    """An aiharness.toml with this fault, on a link, by clients, or on a replica that serves nobody."""
    fault: dict[str, Any] = {"kind": kind, "duration": 120}
    action = load_fault(kind)
    if isinstance(action, PlatformAction):
        fault["platform"] = "a"
    elif find_disturbance(action) is None:
        fault["link"] = "backend-a"
    attributes = ", ".join(f"{name} = {json.dumps(value)}" for name, value in asdict(action.example).items())
    commands = "".join(f"{name} = {json.dumps(NOTHING)}\n" for name in ("start", "drain", "restart"))
    lines = [
        f'[endpoint]\nurl = "{deployment.url}"\nprotocol = "openai_chat"',
        "[endpoint.deadlines]\nconnect = 60\nfirst_byte = 60\ntotal = 60",  # a busy machine has a steady state, too
        f'[links.backend-a]\napi = "{deployment.proxy_api}"\n[platform.a]\npid = {pid}\n{commands}',
        "[chaos]\nrate = 5\nbaseline = 2\nrecovery = 1\n[[fault]]",
        *(f"{name} = {json.dumps(value)}" for name, value in fault.items()),
        f"attributes = {{ {attributes} }}",
    ]
    return "\n".join(lines)


@pytest.mark.slow
@pytest.mark.parametrize("kind", sample_cases(KINDS, "slowloris"))
def test_a_killed_run_leaves_a_record_of_the_end_of_its_fault(
    tmp_path: Path, deployment: Deployment, replica: subprocess.Popen[bytes], kind: str
) -> None:
    (tmp_path / "aiharness.toml").write_text(configure(kind, deployment, replica.pid))
    folder = next(filter(None, (kill_under_fault(tmp_path, f"run{attempt}") for attempt in range(4))), None)
    assert folder is not None, (tmp_path / "out").read_text()
    lifted = [("on", False), ("lifted by guardian", True)]
    assert eventually(lambda: read_states(folder) == lifted, 90), read_states(folder)


DIES = """
import os, signal
from harness.io.rundir import RunDir
append = RunDir.append

def append_and_die(run_dir, name, line):
    append(run_dir, name, line)
    if line.get("state") == "on":
        os.kill(os.getpid(), signal.SIGKILL)

RunDir.append = append_and_die
"""
"""A conftest.py: the run dies once its record says that a fault is on, before anything of it is applied."""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["latency", "slowloris", "pause"])
def test_the_guardian_knows_of_a_fault_before_the_record_says_that_it_is_on(
    tmp_path: Path, deployment: Deployment, replica: subprocess.Popen[bytes], kind: str
) -> None:
    """One on a link, one of clients, one of the platform."""
    (tmp_path / "aiharness.toml").write_text(configure(kind, deployment, replica.pid))
    (tmp_path / "conftest.py").write_text(DIES)
    folder = next(filter(None, (run_to_death(tmp_path, f"run{attempt}") for attempt in range(4))), None)
    assert folder is not None, (tmp_path / "out").read_text()
    lifted = [("on", False), ("lifted by guardian", True)]
    assert eventually(lambda: read_states(folder) == lifted, 90), read_states(folder)


@pytest.mark.parametrize("recorded", [1.5, 1.0])
def test_the_guardian_records_the_end_of_what_the_run_had_recorded(tmp_path: Path, recorded: float) -> None:
    """A run that died before its record said that the fault is on had applied nothing of it."""
    path, row = tmp_path / FAULTS, {"name": "slow", "applied_at": 1.5, "lifted_at": None}
    path.write_text(json.dumps({**row, "applied_at": recorded, "state": "on"}) + "\n")
    guardian = Guardian()
    guardian.watch("slow", "", (), LiftRecord(str(path), 0.0, {**row, "state": "lifted by guardian"}))
    guardian.close()
    assert [state for state, _ in read_states(tmp_path)] == ["on", "lifted by guardian"][: 1 + (recorded == 1.5)]


def run_to_death(place: Path, name: str) -> Path | None:
    """The folder of a run that killed itself; None where a busy machine had no steady state."""
    command = [sys.executable, "-m", "pytest", "--ai-suite=chaos", f"--ai-run-dir={name}", "-p", "no:cacheprovider"]
    with (place / "out").open("wb") as out:
        status = subprocess.run(command, cwd=place, stdout=out, stderr=out, check=False, timeout=240).returncode
    return place / name if status == -signal.SIGKILL else None


def read_states(folder: Path) -> list[tuple[str, bool]]:
    lines = read_fault_lines(str(folder)) if (folder / FAULTS).exists() else []
    return [(str(line["state"]), line["lifted_at"] is not None) for line in lines]


def is_on(folder: Path) -> bool:
    """Whether the fault was applied: the record says that it is on before that, so that nothing is forgotten."""
    return any(" on " in str(line.get("text")) for line in read_records(folder / TIMELINE))


def kill_under_fault(place: Path, name: str) -> Path | None:
    """The folder of a run that was killed while its fault was on; None where a busy machine had no steady state."""
    folder = place / name
    command = [sys.executable, "-m", "pytest", "--ai-suite=chaos", f"--ai-run-dir={name}", "-p", "no:cacheprovider"]
    with (place / "out").open("wb") as out:
        child = subprocess.Popen(command, cwd=place, stdout=out, stderr=out)
    try:
        assert eventually(lambda: is_on(folder) or child.poll() is not None, 180)
        if child.poll() is not None:
            text = (place / "out").read_text()
            assert "no steady state" in text or "bound by the client" in text, text
            return None
        assert read_states(folder) == [("on", False)]
        child.send_signal(signal.SIGKILL)
    finally:
        child.kill()
        child.wait()
    return folder
