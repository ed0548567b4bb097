"""A run is judged from its directory alone, whole or killed; what it says is true and holds no secret."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from harness.commands.report import saved_report
from harness.core.endpoint import Credentials, Endpoint, Secret
from harness.core.errors import RunDirError
from harness.core.gate import Policy
from harness.core.verdict import Status, Verdict
from harness.io.rundir import EVIDENCE, GATE, PLAN, SERIES, RunDir, SavedRun, read_gate, read_run
from harness.run.report_building import build_report
from harness.run.report_files import write_reports
from tests.core.test_plan import SAVED
from tests.run.saved import GOOD, HEAD, make_plan, save_and_report


def test_a_whole_run_passes(tmp_path: Path) -> None:
    report = save_and_report(tmp_path, make_plan(2), ("c0", GOOD), ("c1", GOOD))
    assert report.run.verdict is Status.PASS
    assert report.plan.judged == report.plan.planned == 2


def test_a_run_without_its_decision_never_passes(tmp_path: Path) -> None:
    save_and_report(tmp_path, make_plan(1), ("c0", GOOD))
    report = saved_report(tmp_path / "run")
    assert report.run.verdict is Status.INCONCLUSIVE
    assert report.run.interrupted


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    for wrong in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(RunDirError, match="not a run directory"):
            read_run(wrong)
    (tmp_path / GATE).write_text("{}")
    with pytest.raises(RunDirError, match=r"gate\.json"):
        read_gate(tmp_path / GATE)
    (tmp_path / PLAN).write_text("[]")
    with pytest.raises(RunDirError, match="plan"):
        read_run(tmp_path)


def test_another_run_is_not_overwritten(tmp_path: Path) -> None:
    RunDir.create(tmp_path / "run")
    with pytest.raises(RunDirError, match="already holds a run"):
        RunDir.create(tmp_path / "run")
    (tmp_path / "file").write_text("")
    with pytest.raises(RunDirError, match="cannot be written"):
        RunDir.create(tmp_path / "file" / "below")


def test_every_format_is_written_without_secrets(tmp_path: Path) -> None:
    secret = 'p"ss<w&rd>\\ 0123456789'
    endpoint = Endpoint("http://h", credentials=Credentials("basic", Secret(secret), username="u"))
    report = save_and_report(tmp_path, make_plan(1), ("c0", Verdict(Status.FAIL, f"the service said {secret}", n=1)))
    run = RunDir(tmp_path / "run", endpoint.list_secrets())
    write_reports(run, report, (("markdown", None), ("terminal", str(tmp_path / "t.txt"))))
    names = ("gate.json", "report.html", "junit.xml", "report.md", "../t.txt")
    for name in names:
        content = (run.path / name).read_text()
        assert "the service said" in content
        assert "0123456789" not in content, name
    assert json.loads((run.path / GATE).read_text())["run"]["verdict"] == "FAIL"


WRITER = """
import sys
from pathlib import Path
from harness.core.plan import Plan, PlannedCheck
from harness.core.verdict import Level, Status, Verdict
from harness.io.rundir import EVIDENCE, SERIES, EvidenceLine, RunDir
checks = tuple(PlannedCheck(f"c{i}", "smoke", Level.BLOCKER, "x" * 200) for i in range(2000))
run = RunDir.create(sys.argv[1])
run.write_plan(Plan(("smoke",), checks), {"id": "r", "target": {"url": "http://h", "protocol": "v2"}})
print("ready", flush=True)
for check in checks[:-1]:
    run.append(EVIDENCE, EvidenceLine(check.id, Verdict(Status.PASS, "y" * 3000, n=1)))
    run.append(SERIES, {"t": 1, "requests": 1, "errors": 0, "hist": {}})
    run.write("whole.json", b'["' + b"z" * 200000 + b'"]')
while True:
    run.write("whole.json", b'["' + b"z" * 200000 + b'"]')
"""


@pytest.mark.slow(seconds=1)
@pytest.mark.parametrize("number", range(12))
def test_a_kill_at_any_instant_leaves_a_readable_run(tmp_path: Path, number: int) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "run")], stdout=subprocess.PIPE, start_new_session=True
    )
    assert child.stdout is not None
    assert child.stdout.readline()
    time.sleep(random.Random(number).uniform(0.0, 0.15))
    os.killpg(child.pid, signal.SIGKILL)
    child.wait(10)
    child.stdout.close()
    report = saved_report(tmp_path / "run")
    assert report.run.verdict is Status.INCONCLUSIVE
    assert report.plan.judged < report.plan.planned == 2000
    assert all(second.requests for second in report.series)
    whole = tmp_path / "run" / "whole.json"
    assert not whole.exists() or len(json.loads(whole.read_text())[0]) == 200_000, "the old one or the new one"


def test_a_torn_line_is_passed_over_and_said(tmp_path: Path) -> None:
    save_and_report(tmp_path, make_plan(2), ("c0", GOOD), ("c1", GOOD))
    path = tmp_path / "run" / EVIDENCE
    path.write_bytes(path.read_bytes()[:-20])
    (tmp_path / "run" / SERIES).write_bytes(b'{"t": 1, "requ')
    report = saved_report(tmp_path / "run")
    assert report.run.verdict is Status.INCONCLUSIVE
    assert any("torn" in note for note in report.notes)
    assert [c.missing for c in report.checks] == [False, True]


def test_a_run_cut_short_is_let_through_by_no_option(tmp_path: Path) -> None:
    """`--ai-inconclusive=pass` speaks of decisions; a killed run has none, with or without all its evidence."""
    for name, lines in (("whole", [("c0", GOOD), ("c1", GOOD)]), ("hole", [("c0", GOOD)])):
        save_and_report(tmp_path / name, make_plan(2), *lines)
        saved = read_run(tmp_path / name / "run")
        for choice, status in (("pass", 20), (None, 20), ("fail", 1)):
            report = build_report(saved, policy=Policy(inconclusive=choice), interrupted="killed")
            assert (report.run.verdict, report.run.exit_status) == (Status.INCONCLUSIVE, status)
            assert "killed" in report.run.reason
    ended = build_report(saved, policy=Policy(inconclusive="pass"))
    assert ended.run.exit_status == 0, "a run that ended in order is let through, and says so"
    assert "c1" in ended.run.loosened[0]


def test_a_killed_runs_failure_stays_a_failure(tmp_path: Path) -> None:
    save_and_report(tmp_path, make_plan(2), ("c0", Verdict(Status.FAIL, "refuted", n=1)))
    report = saved_report(tmp_path / "run")
    assert (report.run.verdict, report.run.exit_status) == (Status.FAIL, 1)
    assert report.run.partial
    assert report.run.interrupted


def test_an_exit_status_of_pytest_overrides_the_gates_and_not_its_verdict(tmp_path: Path) -> None:
    save_and_report(tmp_path, make_plan(1), ("c0", GOOD))
    report = build_report(read_run(tmp_path / "run"), policy=Policy(), interrupted="Ctrl-C", exit_status=2)
    assert (report.run.verdict, report.run.exit_status) == (Status.INCONCLUSIVE, 2)


def test_nothing_saved_at_all_is_a_readable_report() -> None:
    report = build_report(SavedRun(None, {}), policy=Policy())
    assert report.run.verdict is Status.INCONCLUSIVE
    assert report.target.url == "unknown"


def test_a_run_saved_by_an_earlier_version_is_read_and_judged_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(SAVED, folder)
    decided = saved_report(folder)
    (folder / GATE).unlink()
    again = build_report(read_run(folder), policy=Policy())
    assert again.plan.judged == sum(row.verdict in (Status.PASS, Status.FAIL) for row in decided.checks)
    assert replace(again.plan, judged=decided.plan.judged) == decided.plan, "it counted what was not missing"
    assert again.checks == decided.checks
    assert (again.run.verdict, again.run.reason) == (decided.run.verdict, decided.run.reason)
    assert (again.distributions, again.series) == (decided.distributions, decided.series)
    assert (again.faults, again.generator) == (decided.faults, decided.generator)


def remove_check(folder: Path, number: int) -> None:
    """Take a check out of plan.json, as somebody would who wants the run to look better."""
    path = folder / "run" / "plan.json"
    plan = json.loads(path.read_text())
    del plan["checks"][number]
    path.write_text(json.dumps(plan))


def test_a_plan_that_was_changed_is_never_green(tmp_path: Path) -> None:
    """The failing check is taken out of the plan: its FAIL is lost, and the change is noticed."""
    report = save_and_report(tmp_path, make_plan(2), ("c0", GOOD), ("c1", Verdict(Status.FAIL, "refuted", n=1)))
    assert report.run.verdict is Status.FAIL
    remove_check(tmp_path, 1)
    again = saved_report(tmp_path / "run")
    assert again.run.verdict is Status.INCONCLUSIVE
    assert again.run.exit_status == 20
    assert "plan.json was changed" in again.run.reason


@pytest.mark.parametrize(("verdict", "shown"), [(GOOD, "INCONCLUSIVE"), (Verdict(Status.FAIL, "no", n=1), "FAIL")])
def test_a_changed_plan_beside_a_decision(tmp_path: Path, verdict: Verdict, shown: str) -> None:
    report = save_and_report(tmp_path, make_plan(2), ("c0", GOOD), ("c1", verdict))
    (tmp_path / "run" / "gate.json").write_bytes(msgspec.json.encode(report))
    assert saved_report(tmp_path / "run").run.verdict == report.run.verdict
    remove_check(tmp_path, 1)
    assert saved_report(tmp_path / "run").run.verdict == shown


@pytest.mark.parametrize("secret", ["check 1", "c0c0", "http://h", "digest"])
def test_a_plan_with_a_secret_taken_out_is_unchanged(tmp_path: Path, secret: str) -> None:
    run = RunDir.create(tmp_path / "run", (secret,))
    run.write_plan(make_plan(2), HEAD)
    assert not read_run(run.path).changed
