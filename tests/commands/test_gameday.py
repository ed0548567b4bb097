"""A game day: preflight, questions, notes and lifts from another terminal, the post-mortem, and ends of every kind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.reference.deployment import Deployment
from tests.catalogues import sample_cases
from tests.chaos.chaosparts import eventually
from tests.programs import run_module

pytest.importorskip("toxiproxy")
KEY = "game-day-key"
WAYS_TO_END = [signal.SIGINT, signal.SIGTERM, signal.SIGKILL]
MAIN = """[endpoint]
url = "{url}"
protocol = "openai_chat"
[links.backend-a]
api = "{api}"
[links.backend-b]
api = "{api}"
[chaos]
rate = 5
baseline = 1.5
recovery = 1
[endpoint.deadlines]
connect = 60
first_byte = 60
total = 60
[[fault]]
link = "backend-a"
kind = "noop"
"""
OUTAGE = """[[experiment]]
name = "both gone"
hypothesis = "users get an honest <error>"
[[experiment.fault]]
links = ["backend-a", "backend-b"]
kind = "down"
duration = {seconds}
"""


@pytest.fixture(scope="module")
def naive() -> Iterator[Deployment]:
    """It has no deadlines, so that its baseline is steady on a busy machine."""
    with Deployment("naive", api_key=KEY) as deployment:
        yield deployment


@pytest.fixture
def folder(naive: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a configuration; its own [[fault]] could not be run, and is none of the game day's."""
    monkeypatch.setenv("AIHARNESS_API_KEY", KEY)
    (tmp_path / "aiharness.toml").write_text(MAIN.format(url=naive.url, api=naive.proxy_api))
    (tmp_path / "day.toml").write_text(OUTAGE.format(seconds=90))
    return tmp_path


def aiharness(folder: Path, *arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    environment = {"AIHARNESS_API_KEY": KEY}
    return run_module("harness", *arguments, cwd=folder, env=environment, timeout=timeout)


def list_disturbances(deployment: Deployment) -> list[str]:
    proxies = httpx.get(f"{deployment.proxy_api}/proxies", trust_env=False).json()
    down = [name for name, proxy in proxies.items() if not proxy["enabled"]]
    return down + [toxic["name"] for proxy in proxies.values() for toxic in proxy["toxics"]]


def find_run(folder: Path) -> Path:
    (run,) = (folder / ".aiharness" / "runs").iterdir()
    return run


def read_rows(folder: Path) -> list[dict[str, Any]]:
    runs = folder / ".aiharness" / "runs"
    lines = [line for path in runs.glob("*/faults.jsonl") for line in path.read_text().splitlines()]
    return [json.loads(line) for line in lines]


def start_day(folder: Path) -> subprocess.Popen[str]:
    """A game day whose faults are on; begun anew where a busy machine had no steady state."""
    for _ in range(4):
        child = start_once(folder)
        if child.poll() is None:
            return child
        out = child.communicate()[0]
        assert "nothing is disturbed" in out, out
        shutil.rmtree(folder / ".aiharness")
    raise AssertionError(out)


def start_once(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "harness", "gameday", "day.toml", "--yes"]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    child = subprocess.Popen(command, cwd=folder, start_new_session=True, **pipes)
    assert eventually(lambda: len(read_rows(folder)) >= 2 or child.poll() is not None, 120)
    return child


@pytest.mark.slow(seconds=30)
def test_notes_and_a_lift_from_another_terminal_and_the_post_mortem(folder: Path, naive: Deployment) -> None:
    child = start_day(folder)
    try:
        noted = aiharness(folder, "gameday", "note", "half of the users | see <errors>")
        assert noted.returncode == 0, noted.stderr
        lifted = aiharness(folder, "lift")
        out = child.communicate(timeout=120)[0]
    finally:
        child.kill()
    assert lifted.returncode == 0, lifted.stdout
    assert child.returncode == 20, out
    assert not list_disturbances(naive)
    assert "a harmless fault was applied and lifted" in out
    assert "apply down on link backend-b" in out
    assert "stopped: an operator ended the faults (aiharness lift)" in out
    rows = {(row["name"], row["state"]): row for row in read_rows(folder)}
    assert rows["both gone: down on backend-a", "lifted"]["lifted_at"]
    markdown = (find_run(folder) / "post-mortem.md").read_text()
    page = (find_run(folder) / "post-mortem.html").read_text()
    for words in ("Action items", "What happened when", "Detection:", "Recovery:", "an operator ended the faults"):
        assert words in markdown
        assert words in page
    assert "honest \\<error\\>" in markdown
    assert "half of the users \\| see \\<errors\\>" in markdown
    assert "honest &lt;error&gt;" in page
    gate = json.loads((find_run(folder) / "gate.json").read_text())
    assert [check["verdict"] for check in gate["checks"]] == ["INCONCLUSIVE"] * 2
    assert all("[both-gone]" in check["id"] for check in gate["checks"]), "the fault of aiharness.toml is not run"


@pytest.mark.slow(seconds=20)
@pytest.mark.parametrize("number", sample_cases(WAYS_TO_END, signal.SIGINT), ids=lambda number: number.name)
def test_however_it_is_ended_faults_are_lifted_and_the_record_says_when(
    folder: Path, naive: Deployment, number: signal.Signals
) -> None:
    child = start_day(folder)
    try:
        os.kill(child.pid, number)
        assert eventually(lambda: not list_disturbances(naive), 60)
        assert eventually(lambda: all(row["lifted_at"] for row in list_last_rows(folder)), 60), read_rows(folder)
        assert eventually(lambda: (find_run(folder) / "post-mortem.html").exists(), 60)
        child.communicate(timeout=60)
    finally:
        child.kill()
    assert child.returncode == (-9 if number is signal.SIGKILL else 2)
    for row in list_last_rows(folder):
        assert row["lifted_at"] > row["applied_at"]


@pytest.mark.slow(seconds=20)
def test_a_runner_that_is_killed_has_its_faults_lifted_by_the_guardian_which_records_it(
    folder: Path, naive: Deployment
) -> None:
    child = start_day(folder)
    try:
        os.killpg(child.pid, signal.SIGKILL)
        assert eventually(lambda: not list_disturbances(naive), 60)
        assert eventually(lambda: all(row["lifted_at"] for row in list_last_rows(folder)), 60), read_rows(folder)
    finally:
        child.kill()
        child.communicate()
    assert {row["state"] for row in list_last_rows(folder)} == {"lifted by guardian"}


def list_last_rows(folder: Path) -> list[dict[str, Any]]:
    last = {row["name"]: row for row in read_rows(folder)}
    assert len(last) == 2
    return list(last.values())


def test_nobody_is_disturbed_without_a_yes(folder: Path, naive: Deployment) -> None:
    refused = aiharness(folder, "gameday", "day.toml")
    assert refused.returncode == 4
    assert "give --yes" in refused.stdout + refused.stderr
    assert "affected: everybody whose requests go over link backend-a" in refused.stdout
    assert not read_rows(folder)
    assert not list_disturbances(naive)
    assert not list(folder.glob(".aiharness/runs/*"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("gameday",), "FILE is missing; write like: aiharness gameday"),
        (("gameday", "nothing.toml"), "nothing.toml does not exist"),
        (("gameday", "day.toml", "twice"), "unknown argument 'twice'"),
        (("gameday", "note"), "the note is empty"),
        (("gameday", "note", "too early"), "no run goes on"),
        (("gameday", "bad.toml", "--yes"), "bad.toml:6: experiment[0].fault[0].kind: unknown fault 'dwn'"),
        (("gameday", "plain.toml", "--yes"), "plain.toml: holds no experiment"),
    ],
)
def test_what_is_written_wrongly_is_one_clear_line(folder: Path, arguments: tuple[str, ...], words: str) -> None:
    (folder / "bad.toml").write_text(OUTAGE.format(seconds=3).replace('"down"', '"dwn"'))
    (folder / "plain.toml").write_text("[chaos]\nrate = 5\n")
    done = aiharness(folder, *arguments)
    assert done.returncode == 4
    assert words in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
