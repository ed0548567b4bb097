"""Every row of docs/servers.md: detected from the bare URL, judged as the row says, and gone afterwards."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import run_gate
from tests.servers.processes import ServerProcess
from tests.servers.row import EXAMPLES, Judged, Row, rows

pytestmark = pytest.mark.servers
Running = tuple[Row, ServerProcess]


def _param(row: Row) -> Any:
    """A server is started once: all tests of a row go to one worker."""
    marks = [pytest.mark.xdist_group(row.name), *([pytest.mark.ci] if row.ci else [])]
    return pytest.param(row, id=row.name, marks=marks)


@pytest.fixture(scope="module", params=[_param(row) for row in rows()])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A row and its server; afterwards nothing of it may be left."""
    row: Row = request.param
    with row.started(tmp_path_factory.mktemp(row.name)) as server:
        yield row, server
    assert not server.group_alive()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(server.url.rpartition(":")[2]))) != 0, "the port still answers"


def test_detected_from_the_bare_url(tmp_path: Path, running: Running) -> None:
    row, server = running
    command = [sys.executable, "-m", "harness", "detect", server.url]
    env = {key: value for key, value in os.environ.items() if not key.startswith("AIHARNESS_")}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{server.url} speaks {row.detected[0]}" in done.stdout
    assert tuple(re.findall(r"^  (\w+) +\d+%", done.stdout, re.MULTILINE)) == row.detected, done.stdout


@pytest.mark.parametrize("suite", ["smoke", "integration"])
def test_judged(tmp_path: Path, running: Running, suite: str) -> None:
    row, server = running
    expected: Judged = row.judged[suite]
    shutil.copy(EXAMPLES / "digits_heldout.csv", tmp_path)
    (tmp_path / "aiharness.toml").write_text(row.config)
    outcome = run_gate(tmp_path, f"--ai-endpoint={server.url}", "--ai-wait-ready=60", suite=suite, timeout=400)
    assert outcome.gate is not None, outcome.out + outcome.err
    checks = outcome.gate["checks"]
    assert not [check for check in checks if check["verdict"] == "ERROR"], outcome.out
    failed = {check["id"].partition("::")[2]: check for check in checks if check["verdict"] == "FAIL"}
    blockers = {name: check["reason"] for name, check in failed.items() if check["level"] == "blocker"}
    assert blockers.keys() == expected.blockers.keys(), outcome.out
    assert outcome.gate["run"]["verdict"] == expected.decision, outcome.out
    for name, part in expected.blockers.items():
        assert part in blockers[name], outcome.out
    for name, part in expected.warnings.items():
        assert any(part in failed[each]["reason"] for each in failed if each.partition("[")[0] == name), outcome.out
