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

from harness.core.disturbance import find_disturbance
from harness.core.fault import list_faults, load_fault
from harness.core.platform_action import PlatformAction
from harness.io.rundir import FAULTS, read_fault_lines
from harness.reference.deployment import Deployment
from tests.catalogues import sample_cases
from tests.chaos.chaosparts import eventually

KINDS = [name for name in list_faults() if load_fault(name).example is not None and not name.startswith("grpc")]
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
        f'[links.backend-a]\napi = "{deployment.proxy_api}"\n[platform.a]\npid = {pid}\n{commands}',
        "[chaos]\nrate = 20\nbaseline = 2\nrecovery = 1\n[[fault]]",
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
    command = [sys.executable, "-m", "pytest", "--ai-suite=chaos", "--ai-run-dir=run", "-p", "no:cacheprovider", "-q"]
    with (tmp_path / "out").open("wb") as out:
        child = subprocess.Popen(command, cwd=tmp_path, stdout=out, stderr=out)

    def read_states() -> list[tuple[str, bool]]:
        lines = read_fault_lines(str(tmp_path / "run")) if (tmp_path / "run" / FAULTS).exists() else []
        return [(str(line["state"]), line["lifted_at"] is not None) for line in lines]

    try:
        assert eventually(lambda: bool(read_states()) or child.poll() is not None, 60), (tmp_path / "out").read_text()
        assert read_states() == [("on", False)], (tmp_path / "out").read_text()
        child.send_signal(signal.SIGKILL)
    finally:
        child.kill()
        child.wait()
    assert eventually(lambda: read_states() == [("on", False), ("lifted by guardian", True)], 30), read_states()
