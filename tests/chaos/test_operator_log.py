"""Remarks of operators: read in order, torn lines left out, and written to the run that goes on."""

from __future__ import annotations

from pathlib import Path

from harness.chaos.operator_log import OPERATOR, TIMELINE, OperatorLog, add_remark, find_open_runs
from harness.io.json_lines import read_records
from harness.io.rundir import EVIDENCE, GATE, RunDir


def test_notes_are_taken_once_and_the_first_lift_is_the_reason(tmp_path: Path) -> None:
    log = OperatorLog(RunDir(tmp_path))
    assert log.take_notes() == []
    add_remark(tmp_path, "note", "first")
    assert (log.find_stop(), log.take_notes(), log.take_notes()) == ("", ["first"], [])
    with open(tmp_path / OPERATOR, "a") as file:
        file.write('{"at": 1}\n[1]\n{"torn')
    add_remark(tmp_path, "note", "lost with the torn line")
    add_remark(tmp_path, "lift", "aiharness lift")
    add_remark(tmp_path, "lift", "again")
    assert log.find_stop() == "an operator ended the faults (aiharness lift)"
    assert log.take_notes() == []


def test_the_timeline_says_when(tmp_path: Path) -> None:
    OperatorLog(RunDir(tmp_path)).write(12.3456, "x", "down on link a")
    (line,) = read_records(tmp_path / TIMELINE)
    assert (line["t"], line["experiment"], line["text"]) == (12.346, "x", "down on link a")
    assert line["at"] > 1.7e9
    assert list(read_records(tmp_path / "nothing")) == []


def test_a_run_is_open_until_its_report_is_final(tmp_path: Path) -> None:
    assert find_open_runs(tmp_path) == []
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / EVIDENCE).touch()
    assert find_open_runs(tmp_path) == [tmp_path / "run"]
    (tmp_path / "run" / GATE).write_text("{}")
    assert find_open_runs(tmp_path) == [tmp_path / "run"]
