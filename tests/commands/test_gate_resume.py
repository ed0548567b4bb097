"""`aiharness gate --resume RUN`: what a run that was cut short decided is taken over, the rest is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.io.rundir import EVIDENCE
from tests.programs import run_module


def run_gate(folder: Path, url: str, name: str, *options: str) -> tuple[int, dict[str, Any], str]:
    command = ("gate", url, "--suite=smoke", f"--ai-run-dir={name}", *options)
    done = run_module("harness", *command, cwd=folder)
    path = folder / name / "gate.json"
    report = json.loads(path.read_text()) if path.exists() else {}
    return done.returncode, report, done.stdout + done.stderr


def cut_short(folder: Path, lines: int, ended: bool = False) -> list[str]:
    """Leave what a kill, or Ctrl-C (`ended`), would have left after so many verdicts: their ids."""
    evidence = (folder / EVIDENCE).read_bytes().splitlines(keepends=True)
    (folder / EVIDENCE).write_bytes(b"".join(evidence[:lines]))
    gate = json.loads((folder / "gate.json").read_text())
    gate["run"] |= {"final": ended, "verdict": "ERROR", "exit_status": 21}
    (folder / "gate.json").write_text(json.dumps(gate))
    return [json.loads(line)["check"] for line in evidence[:lines]]


@pytest.mark.slow(20)
def test_only_what_was_not_decided_is_asked(reference: str, tmp_path: Path) -> None:
    status, whole, screen = run_gate(tmp_path, reference, "first")
    assert status == 0, screen
    status, _, screen = run_gate(tmp_path, reference, "again", "--resume=first")
    assert status == 4
    assert "that run left nothing to do" in screen
    decided_ids = cut_short(tmp_path / "first", 5)
    status, resumed, screen = run_gate(tmp_path, reference, "second", "--resume=first")
    assert status == 0, screen
    assert resumed["plan"]["hash"] == whole["plan"]["hash"]
    assert [row["id"] for row in resumed["checks"]] == [row["id"] for row in whole["checks"]]
    assert {row["verdict"] for row in resumed["checks"]} == {"PASS", "SKIPPED"}
    assert "5 verdicts are those of first, which was cut short" in resumed["notes"]
    asked = [json.loads(line)["check"] for line in (tmp_path / "second" / EVIDENCE).read_bytes().splitlines()]
    assert asked[:5] == decided_ids
    assert len(asked) == len(set(asked)), "nothing is asked again"
    cut_short(tmp_path / "first", 4, ended=True)
    status, resumed, screen = run_gate(tmp_path, reference, "after_ctrl_c", "--resume=first")
    assert status == 0, screen
    assert "4 verdicts are those of first, which was cut short" in resumed["notes"]
    status, _, screen = run_gate(tmp_path, reference, "third", "--resume=first", "--ai-seed=5")
    assert status == 4
    assert "its seed was another, so that its verdicts are not of this run" in screen
