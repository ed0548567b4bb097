"""A soak that was killed goes on: every planned request is counted once, or is among those that were under way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.core.endpoint import Endpoint
from harness.core.errors import UsageError
from harness.core.exchange import Request
from harness.core.load import Job
from harness.core.load_settings import LoadSettings
from harness.io.rundir import RunDir
from harness.load.checkpoint import Checkpoint, get_checkpoint_path, read_checkpoint
from harness.load.counts import WorkerCounts
from harness.load.slices import get_slices_path
from harness.load.soak_files import SoakFiles
from tests.load.loads import environment

LOAD = LoadSettings(scenario="soak", rate=20, duration=60, warm_up=0)
JOB = Job(Endpoint("http://127.0.0.1:1", "plain_json"), (Request("POST", "/predict", (), b"{}"),), LOAD, "", 0.0)
LINE = {"slice": 1, "requests": 1, "failed": 0, "bad": 0, "hist": {}, "bins": {}, "first": {}}


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    (tmp_path / "load").mkdir()
    return RunDir(tmp_path)


def write_two_processes(run: RunDir) -> Checkpoint:
    """A checkpoint of two processes: one has sent 40 requests and counted 38, the other 41 and 41."""
    files = SoakFiles(run, JOB, can_resume=True)
    files.add_slices(0, WorkerCounts({}, sent=40, completed=38, reached=80, slices=[LINE]))
    files.add_slices(1, WorkerCounts({}, sent=41, completed=41, reached=83, slices=[LINE]))
    return read_checkpoint(run.path, "soak")


def test_a_checkpoint_says_where_to_go_on_and_what_is_lost(run: RunDir) -> None:
    checkpoint = write_two_processes(run)
    assert (checkpoint.reached, checkpoint.count_lost()) == (83, 83 - 38 - 41)
    assert [part.completed for part in checkpoint.parts] == [38, 41]
    assert checkpoint.slices_bytes == get_slices_path(run.path, "soak").stat().st_size


def test_slices_written_after_it_are_removed_because_their_requests_are_sent_again(run: RunDir) -> None:
    checkpoint = write_two_processes(run)
    run.append("load/soak.slices.jsonl", LINE)
    run.append("evidence.jsonl", {"check": "x"})
    checkpoint.clear_traces(run.path)
    assert len(get_slices_path(run.path, "soak").read_text().splitlines()) == 2
    assert (run.path / "evidence.jsonl").read_text() == ""


def test_a_resumed_soak_adds_up_with_what_was_before(run: RunDir) -> None:
    first = write_two_processes(run)
    files = SoakFiles(run, replace(JOB, first=first.reached), can_resume=True)
    assert [part.completed for part in files.past] == [38, 41]
    files.add_slices(0, WorkerCounts({}, sent=10, completed=10, reached=93, slices=[LINE]))
    again = read_checkpoint(run.path, "soak")
    assert (again.reached, again.count_lost(), again.resumed) == (93, first.count_lost(), 1)
    assert again.arguments == first.arguments


def test_a_soak_that_ended_leaves_nothing_to_go_on_from(run: RunDir) -> None:
    write_two_processes(run)
    SoakFiles(run, JOB, can_resume=True).make_record(finished=True)
    with pytest.raises(UsageError, match="holds no soak that can go on"):
        read_checkpoint(run.path, "soak")


@pytest.mark.parametrize(
    "other",
    [
        replace(JOB, seed=5),
        replace(JOB, load=replace(LOAD, rate=30)),
        replace(JOB, endpoint=Endpoint("http://h:1", "v2")),
    ],
)
def test_another_load_than_the_killed_one_is_refused(run: RunDir, other: Job) -> None:
    checkpoint = write_two_processes(run)
    checkpoint.check(JOB)
    with pytest.raises(UsageError, match="is another one now"):
        checkpoint.check(other)


def test_a_file_that_is_no_checkpoint_is_one_clear_error(run: RunDir) -> None:
    get_checkpoint_path(run.path, "soak").write_text("{}")
    with pytest.raises(UsageError, match="not a checkpoint of this version"):
        read_checkpoint(run.path, "soak")


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "harness", "load", "soak", *arguments],
        cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip


def read_result(folder: Path) -> dict[str, Any]:
    try:
        result: dict[str, Any] = json.loads((folder / "run" / "load" / "soak.json").read_text())
    except (OSError, ValueError):
        return {}
    return result


@pytest.mark.slow
def test_a_killed_soak_goes_on_to_its_end(reference: str, tmp_path: Path) -> None:
    plan = ("--rate=40", "--duration=12s", "--warm-up=0", "--protocol=plain_json", "--run-dir=run", "-u40", "-r1000")
    child = start(tmp_path, reference, *plan)
    ends = time.monotonic() + 90
    while time.monotonic() < ends and read_result(tmp_path).get("completed", 0) < 120:
        time.sleep(0.1)
    os.killpg(child.pid, signal.SIGKILL)
    child.communicate(timeout=30)
    before = read_checkpoint(tmp_path / "run", "soak")
    again = start(tmp_path, "--resume", str(tmp_path / "run"))
    output, _ = again.communicate(timeout=90)
    result = read_result(tmp_path)
    assert result["finished"], output
    lost = result["soak"]["lost"]
    assert lost == before.count_lost() <= 40
    assert result["completed"] + lost == result["intended"] == 408
    assert sum(window["requests"] for window in result["soak"]["windows"]) == result["completed"]
    assert again.returncode in (0, 1, 20), output
    assert json.loads((tmp_path / "run" / "gate.json").read_text())["run"]["exit_status"] == again.returncode
    refused = start(tmp_path, "--resume", str(tmp_path / "run"))
    output, _ = refused.communicate(timeout=60)
    assert refused.returncode == 4
    assert "holds no soak that can go on" in output
