"""A run is judged from its directory alone; the vacuous passes of gates.md 2.3 that a directory can show."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from harness.core.endpoint import Credentials, Endpoint, Secret
from harness.core.errors import RunDirError
from harness.core.gate import Policy, decide
from harness.core.plan import Plan, PlannedCheck
from harness.core.report import Report
from harness.core.verdict import Level, Status, Verdict, error, inconclusive, skipped
from harness.io.rundir import EVIDENCE, GATE, PLAN, SERIES, EvidenceLine, RunDir, read_gate, read_run
from harness.reporting import saved_report
from harness.run.gaterun import write_reports
from harness.run.judging import build_report

GOOD = Verdict(Status.PASS, "holds", n=1)
HEAD = {"id": "r", "started": "2026-01-01T00:00:00+00:00", "target": {"url": "http://h", "protocol": "v2"}}


def planned(count: int, **more: object) -> Plan:
    checks = tuple(
        PlannedCheck(f"c{i}", "smoke", Level.BLOCKER, f"check {i}", **more)  # type: ignore[arg-type]
        for i in range(count)
    )
    return Plan(("smoke",), checks)


def judged(folder: Path, plan: Plan, *lines: tuple[str, Verdict]) -> Report:
    """The report of a run directory that holds this plan and this evidence."""
    run = RunDir.create(folder / "run")
    run.write_plan(plan, HEAD)
    for check, verdict in lines:
        run.append(EVIDENCE, EvidenceLine(check, verdict))
    return build_report(read_run(run.path), policy=Policy())


def test_a_whole_run_passes(tmp_path: Path) -> None:
    report = judged(tmp_path, planned(2), ("c0", GOOD), ("c1", GOOD))
    assert report.run.verdict is Status.PASS
    assert report.plan.judged == report.plan.planned == 2


def test_vacuous_01_a_metric_with_zero_samples(tmp_path: Path) -> None:
    empty = Verdict(Status.PASS, "0 of 0 requests took longer", n=0, estimate=0.0)
    assert judged(tmp_path, planned(1, kind="estimate"), ("c0", empty)).run.verdict is Status.INCONCLUSIVE


def test_vacuous_02_every_measurement_errored(tmp_path: Path) -> None:
    report = judged(tmp_path, planned(2), ("c0", error("broke")), ("c1", error("broke")))
    assert report.run.verdict is Status.ERROR
    assert report.run.exit_status == 21


def test_vacuous_03_a_terminated_check_is_no_success(tmp_path: Path) -> None:
    report = judged(tmp_path, planned(2), ("c0", GOOD))
    assert report.run.verdict is Status.INCONCLUSIVE
    assert report.run.partial


def test_vacuous_04_a_check_that_never_started_is_missing(tmp_path: Path) -> None:
    report = judged(tmp_path, planned(1))
    assert report.checks[0].missing
    assert "missing" in report.checks[0].reason


def test_vacuous_06_nothing_judged_is_not_everything_good(tmp_path: Path) -> None:
    assert judged(tmp_path, Plan(("smoke",), ())).run.verdict is Status.INCONCLUSIVE


def test_vacuous_07_nan_is_not_zero(tmp_path: Path) -> None:
    """A file holds null in place of NaN, so the gate must see the hole on both ways."""
    plan, nan = planned(1, kind="estimate"), replace(GOOD, estimate=float("nan"))
    assert decide(plan, {"c0": nan}).verdict is Status.INCONCLUSIVE
    report = judged(tmp_path, plan, ("c0", nan))
    assert report.run.verdict is Status.INCONCLUSIVE
    assert report.checks[0].estimate is None


def test_vacuous_12_the_best_of_several_tries_does_not_count(tmp_path: Path) -> None:
    bad = Verdict(Status.FAIL, "first try", n=1)
    report = judged(tmp_path, planned(1), ("c0", bad), ("c0", GOOD))
    assert report.run.verdict is Status.FAIL
    assert any("more than once" in note for note in report.notes)


def test_vacuous_14_a_dead_workers_check_is_an_error(tmp_path: Path) -> None:
    report = judged(tmp_path, planned(2), ("c0", GOOD), ("c1", error("the worker crashed")))
    assert report.run.exit_status == 21


def test_vacuous_18_verdict_and_exit_status_agree(tmp_path: Path) -> None:
    cases = {Status.PASS: 0, Status.FAIL: 1, Status.INCONCLUSIVE: 20, Status.ERROR: 21}
    given = (GOOD, Verdict(Status.FAIL, "x", n=1), inconclusive("x"), error("x"))
    for number, verdict in enumerate(given):
        report = judged(tmp_path / str(number), planned(1), ("c0", verdict))
        assert report.run.exit_status == cases[report.run.verdict]
        assert report.run.verdict is verdict.status


def test_an_undeclared_skip_is_a_hole(tmp_path: Path) -> None:
    report = judged(tmp_path, planned(2), ("c0", GOOD), ("c1", skipped("the user's skip")))
    assert report.run.verdict is Status.INCONCLUSIVE
    assert report.run.partial


def test_a_run_without_its_decision_never_passes(tmp_path: Path) -> None:
    judged(tmp_path, planned(1), ("c0", GOOD))
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
    report = judged(tmp_path, planned(1), ("c0", Verdict(Status.FAIL, f"the service said {secret}", n=1)))
    run = RunDir(tmp_path / "run", endpoint.secrets())
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
checks = tuple(PlannedCheck(f"c{i}", "smoke", Level.BLOCKER, "x" * 200) for i in range(5000))
run = RunDir.create(sys.argv[1])
run.write_plan(Plan(("smoke",), checks), {"id": "r", "target": {"url": "http://h", "protocol": "v2"}})
print("ready", flush=True)
for check in checks:
    run.append(EVIDENCE, EvidenceLine(check.id, Verdict(Status.PASS, "y" * 3000, n=1)))
    run.append(SERIES, {"t": 1, "requests": 1, "errors": 0, "hist": {}})
    run.write("gate.part", b"z" * 20000)
"""


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
    assert report.plan.judged < report.plan.planned == 5000


def test_a_torn_line_is_passed_over_and_said(tmp_path: Path) -> None:
    judged(tmp_path, planned(2), ("c0", GOOD), ("c1", GOOD))
    path = tmp_path / "run" / EVIDENCE
    path.write_bytes(path.read_bytes()[:-20])
    (tmp_path / "run" / SERIES).write_bytes(b'{"t": 1, "requ')
    report = saved_report(tmp_path / "run")
    assert report.run.verdict is Status.INCONCLUSIVE
    assert any("torn" in note for note in report.notes)
    assert [c.missing for c in report.checks] == [False, True]
