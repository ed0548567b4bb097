"""Every row of docs/servers.md: detected from the bare URL, judged as the row says, and gone afterwards."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.conftest import run_gate
from tests.servers.row import EXAMPLES, Judged, Row, rows

pytestmark = pytest.mark.servers


@pytest.mark.parametrize(
    "row", [pytest.param(row, id=row.name, marks=[pytest.mark.ci] if row.ci else []) for row in rows()]
)
def test_row(tmp_path: Path, row: Row, subtests: pytest.Subtests) -> None:
    """One test a row, so that its server is started once, whichever worker takes it.

    Its folder has a short name: Triton's holds a socket, and a path of those has 107 characters at most.
    """
    with (
        TemporaryDirectory(prefix="row-", ignore_cleanup_errors=True) as folder,
        row.run_server(Path(folder)) as server,
    ):
        with subtests.test("detected"):
            _check_detection(row, server.url, tmp_path)
        for suite, expected in row.judged.items():
            with subtests.test(suite):
                (tmp_path / suite).mkdir()
                _check_verdict(row, server.url, tmp_path / suite, suite, expected)
    assert not server.group_alive()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(server.url.rpartition(":")[2]))) != 0, "the port still answers"


def _check_detection(row: Row, url: str, folder: Path) -> None:
    command = [sys.executable, "-m", "harness", "detect", url]
    env = {key: value for key, value in os.environ.items() if not key.startswith("AIHARNESS_")}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{url} speaks {row.detected[0]}" in done.stdout
    assert tuple(re.findall(r"^  (\w+) +\d+%", done.stdout, re.MULTILINE)) == row.detected, done.stdout


def _check_verdict(row: Row, url: str, folder: Path, suite: str, expected: Judged) -> None:
    shutil.copy(EXAMPLES / "digits_heldout.csv", folder)
    (folder / "aiharness.toml").write_text(row.config)
    options = f"--ai-endpoint={url}", "--ai-wait-ready=60", "--ai-max-time=600"
    outcome = run_gate(folder, *options, suite=suite, timeout=700)
    assert outcome.gate is not None, outcome.out + outcome.err
    checks = outcome.gate["checks"]
    assert not [check for check in checks if check["verdict"] == "ERROR"], outcome.out
    failed = {check["id"].partition("::")[2]: check for check in checks if check["verdict"] == "FAIL"}
    blockers = {name: check["reason"] for name, check in failed.items() if check["level"] == "blocker"}
    if row.silenced in blockers:
        return
    struck = blockers.keys() & expected.sometimes.keys()
    assert blockers.keys() - struck == expected.blockers.keys(), outcome.out
    assert outcome.gate["run"]["verdict"] == ("FAIL" if struck else expected.decision), outcome.out
    for name, part in [*expected.blockers.items(), *((name, expected.sometimes[name]) for name in struck)]:
        assert part in blockers[name], outcome.out
    for name, part in expected.warnings.items():
        assert any(part in failed[test]["reason"] for test in failed if test.partition("[")[0] == name), outcome.out
