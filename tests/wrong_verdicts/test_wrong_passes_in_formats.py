"""The wrong passes of other gates, and more of their kind: none is a success in any format, nor to any exit status.

Numbered as in test_vacuous_passes.py; each is a plan and what was left of its evidence, read back as a killed run is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from harness.commands import compare as compare_command
from harness.commands import report as report_command
from harness.core.errors import RunDirError
from harness.core.gate import Policy
from harness.core.plan import Plan, PlannedCheck
from harness.core.verdict import (
    Case,
    Level,
    Status,
    Verdict,
    judge_contract,
    make_error,
    make_inconclusive,
    make_skipped,
)
from harness.core.waiver import Waiver, describe_waivers, waive_checks
from harness.io.rundir import EVIDENCE, EvidenceLine, RunDir, read_run
from harness.run.report_building import build_report, build_unended_report
from harness.run.report_files import render_report
from tests.conftest import run_gate
from tests.reports.readers import READERS
from tests.run.saved import GOOD, HEAD, make_plan

BAD = Verdict(Status.FAIL, "refuted", n=9)
SHARE = Verdict(Status.PASS, "0 of 500", n=500, estimate=0.0)
TODAY = date(2026, 1, 1)
_Lines = Sequence[tuple[str, Verdict]]


@dataclass(frozen=True)
class Wrong:
    """A run that must not pass: its plan, its evidence, what is done to its directory, and what its start says."""

    plan: Plan
    lines: _Lines = ()
    spoil: Callable[[Path], object] = lambda folder: None
    head: dict[str, Any] | None = None


def make_comparison(verdict: Verdict | None) -> Wrong:
    check = PlannedCheck("ai-baseline/smoke/x", "smoke", Level.BLOCKER, "as fast as before", kind="comparison")
    plan = replace(make_plan(1), checks=(*make_plan(1).checks, check))
    return Wrong(plan, (("c0", GOOD), *([(check.id, verdict)] if verdict else [])))


def make_estimate(verdict: Verdict, **more: object) -> Wrong:
    return Wrong(make_plan(1, kind="estimate", **more), (("c0", verdict),))


def make_pair(verdict: Verdict, *more: Verdict) -> Wrong:
    """A check that holds beside one that ended like this."""
    return Wrong(make_plan(2), (("c0", GOOD), ("c1", verdict), *(("c1", other) for other in more)))


def tear_last_line(folder: Path) -> None:
    path = folder / EVIDENCE
    path.write_bytes(path.read_bytes()[:-9])


def drop_a_check_of_the_plan(folder: Path) -> None:
    path = folder / "plan.json"
    content = json.loads(path.read_text())
    content["checks"] = content["checks"][:1]
    path.write_text(json.dumps(content))


def write_unknown_word(folder: Path) -> None:
    """A line that states success in a word that is no verdict."""
    path = folder / EVIDENCE
    path.write_text(path.read_text().replace('"PASS"', '"OK"'))


def copy_gate_of_another_run(folder: Path) -> None:
    other = save_case(Wrong(make_plan(2), (("c0", GOOD), ("c1", GOOD))), folder.parent / "other")
    report = build_report(read_run(other), policy=Policy())
    (folder / "gate.json").write_bytes(render_report("json", report, folder))


def cut_gate_short(folder: Path) -> None:
    report = build_report(read_run(folder), policy=Policy())
    text = render_report("json", replace(report, run=replace(report.run, verdict=Status.PASS, exit_status=0)), folder)
    (folder / "gate.json").write_bytes(text[: len(text) // 2])


def set_clock_back(folder: Path) -> None:
    """The run ends before it began, and so do its waiver and its evidence."""
    path = folder / "plan.json"
    path.write_text(path.read_text().replace('"started": "20', '"started": "21'))


def waive_everything() -> Wrong:
    waiver = Waiver("c0", "known", "team-a", date(2999, 1, 1))
    plan = waive_checks(make_plan(1), [waiver], TODAY)
    return Wrong(plan, (("c0", BAD),), head={"waivers": describe_waivers([waiver], TODAY)})


def waive_the_run(name: str = "ai-run") -> Wrong:
    """A waiver names one check, or the cases of one test; nothing wider."""
    waiver = Waiver(name, "known", "team-a", date(2999, 1, 1))
    plan = waive_checks(make_plan(2), [waiver], TODAY)
    return Wrong(plan, (("c0", GOOD), ("c1", BAD)), head={"waivers": describe_waivers([waiver], TODAY)})


def waive_too_late() -> Wrong:
    waiver = Waiver("c1", "known", "team-a", date(2025, 1, 1))
    plan = waive_checks(make_plan(2), [waiver], TODAY)
    return Wrong(plan, (("c0", GOOD), ("c1", BAD)), head={"waivers": describe_waivers([waiver], TODAY)})


TWO_SUITES = Plan(("smoke", "load"), make_plan(1).checks)
SKIPPED_SUITE = Plan(("smoke",), (replace(make_plan(1).checks[0], not_applicable="no streams"),))
WARNED_SUITE = Plan(("smoke",), (replace(make_plan(1).checks[0], level=Level.WARN),))

CASES: dict[str, Wrong] = {
    "01 zero samples": make_estimate(replace(SHARE, n=0)),
    "02 every measurement errored": Wrong(make_plan(2), (("c0", make_error("broke")), ("c1", make_error("broke")))),
    "03 a terminated check": Wrong(make_plan(2), (("c0", GOOD),)),
    "04 a check that never started": Wrong(make_plan(1)),
    "05 no previous result": make_comparison(make_inconclusive("no baseline")),
    "06 nothing scored": Wrong(Plan(("smoke",), ())),
    "07 NaN": make_estimate(replace(SHARE, estimate=float("nan"))),
    "08 traffic stopped half way": make_estimate(SHARE, min_n=501),
    "09 fewer repeats": make_pair(judge_contract([Case("1"), Case("2")], "alike", planned=3)),
    "10 compared with itself": make_comparison(make_inconclusive("the candidate is the baseline")),
    "11 a missing slice": make_pair(make_inconclusive("the slice region=north has no rows")),
    "12 best of n": make_pair(BAD, GOOD, GOOD),
    "13 nothing was collected": Wrong(make_plan(5)),
    "14 a worker crashed": make_pair(make_error("the worker that ran this check crashed; its evidence is lost")),
    "15 deselected": Wrong(make_plan(3), (("c0", GOOD), ("c2", GOOD))),
    "16 a fault that never landed": make_pair(make_inconclusive("no sign that the fault took effect")),
    "17 a saturated generator": make_pair(make_inconclusive("the load generator did not keep up")),
    "18 a failure": make_pair(BAD),
    "19 killed while writing": Wrong(make_plan(2), (("c0", GOOD), ("c1", GOOD)), tear_last_line),
    "20 the plan was changed": Wrong(make_plan(2), (("c0", GOOD),), drop_a_check_of_the_plan),
    "21 skipped by the user": make_pair(make_skipped("not today")),
    "22 skipped on one of two tries": make_pair(GOOD, make_skipped("flaky")),
    "23 a suite without checks": Wrong(TWO_SUITES, (("c0", GOOD),)),
    "24 a suite that is ruled out whole": Wrong(SKIPPED_SUITE),
    "25 a suite of warnings": Wrong(WARNED_SUITE, (("c0", GOOD),)),
    "26 an estimate without an estimate": make_estimate(replace(SHARE, estimate=None)),
    "27 infinite": make_estimate(replace(SHARE, estimate=float("inf"))),
    "28 a contract without cases": make_pair(judge_contract([], "holds")),
    "29 everything is waived": waive_everything(),
    "30 an expired waiver": waive_too_late(),
    "31 evidence of another plan": Wrong(make_plan(2), (("c0", GOOD), ("other", GOOD))),
    "32 a comparison that was not made": make_comparison(None),
    "33 a gate.json that was cut short": Wrong(make_plan(2), (("c0", GOOD), ("c1", BAD)), cut_gate_short),
    "34 the gate.json of another run": Wrong(make_plan(3), (("c0", GOOD), ("c1", BAD)), copy_gate_of_another_run),
    "35 a verdict in another word": Wrong(make_plan(2), (("c0", GOOD), ("c1", GOOD)), write_unknown_word),
    "36 fewer than no samples": make_estimate(replace(SHARE, n=-1)),
    "37 the clock was set back": Wrong(make_plan(2), (("c0", GOOD),), set_clock_back),
    "38 a waiver for the whole run": waive_the_run(),
    "39 a waiver for a suite": waive_the_run("ai-suite/smoke"),
    "40 a baseline that failed": make_comparison(make_inconclusive("the baseline run r ended in FAIL")),
}


UNREADABLE = ("33 a gate.json that was cut short", "35 a verdict in another word")
"""What nothing can be said of: exit status 4, and no report."""


def save_case(wrong: Wrong, folder: Path) -> Path:
    run = RunDir.create(folder / "run")
    run.write_plan(wrong.plan, {**HEAD, **(wrong.head or {})})
    for check, verdict in wrong.lines:
        run.append(EVIDENCE, EvidenceLine(check, verdict))
    wrong.spoil(run.path)
    return run.path


def render_run(folder: Path, format_: str, output: Path | None) -> int:
    """The exit status of `aiharness report`; 4 where the run cannot be read."""
    try:
        return report_command.COMMAND.run(path=str(folder), format_=format_, output=output and str(output))
    except RunDirError:
        return 4


@pytest.mark.parametrize("name", CASES)
def test_it_is_a_success_in_no_format_and_to_no_exit_status(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = save_case(CASES[name], tmp_path)
    for format_, read in READERS.items():
        output = tmp_path / "out" if format_ != "allure" else None
        status = render_run(folder, format_, output)
        text = output.read_text() if output and status != 4 else capfd.readouterr().out
        assert status in (1, 20, 21) or (status == 4 and not text and name in UNREADABLE), format_
        assert status == 4 or not read(text).green, format_
    for format_ in ("terminal", "html", "card"):
        if render_run(folder, format_, tmp_path / "page") == 4:
            assert not (tmp_path / "page").exists()
            continue
        page = (tmp_path / "page").read_text()
        body = page.partition("<body")[2] or page
        assert re.findall(r"\b(PASS|FAIL|ERROR|INCONCLUSIVE)\b", body)[0] != "PASS", format_


def test_beside_a_good_run_it_is_no_success_either(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """`aiharness compare` with a run that passes the same plan."""
    for name, wrong in CASES.items():
        lines = []
        for check in wrong.plan.checks:
            if not check.not_applicable:
                lines.append((check.id, SHARE if check.kind == "estimate" else GOOD))
        old = save_case(Wrong(wrong.plan, lines), tmp_path / name / "old")
        new = save_case(wrong, tmp_path / name / "new")
        if name in UNREADABLE:
            with pytest.raises(RunDirError):
                compare_command.COMMAND.run(old=str(old), new=str(new), format_="terminal", output=None)
        else:
            assert compare_command.COMMAND.run(old=str(old), new=str(new), format_="terminal", output=None), name
    capfd.readouterr()


def test_a_run_that_has_not_ended_is_a_success_in_no_format(tmp_path: Path) -> None:
    report = build_unended_report(make_plan(1), HEAD)
    for name, read in READERS.items():
        assert not read(render_report(name, report, tmp_path).decode()).green, name


@pytest.mark.parametrize("name", ["01 zero samples", "05 no previous result", "17 a saturated generator"])
def test_what_an_option_lets_through_is_a_success_to_the_exit_status_alone(name: str, tmp_path: Path) -> None:
    saved = read_run(save_case(CASES[name], tmp_path))
    report = build_report(saved, policy=Policy(inconclusive="pass"))
    assert (report.run.verdict, report.run.exit_status) == (Status.INCONCLUSIVE, 0)
    for format_, read in READERS.items():
        assert not read(render_report(format_, report, tmp_path).decode()).green, format_


def test_the_same_run_passes_where_nothing_is_wrong(tmp_path: Path) -> None:
    folder = save_case(Wrong(make_plan(2), (("c0", GOOD), ("c1", GOOD))), tmp_path)
    report = build_report(read_run(folder), policy=Policy())
    for format_, read in READERS.items():
        assert read(render_report(format_, report, tmp_path).decode()).green, format_


STALE = """
import os, signal
import pytest

@pytest.mark.ai_suite("smoke")
def test_the_run_ends_here():
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_run_leaves_no_earlier_success_in_a_named_report(tmp_path: Path, reference: str) -> None:
    """CI uploads the same file after each job, also where the job was killed."""
    (tmp_path / "test_own.py").write_text(STALE)
    green = build_report(read_run(save_case(Wrong(make_plan(1), (("c0", GOOD),)), tmp_path)), policy=Policy())
    names = [name for name in READERS if name != "allure"]
    for name in names:
        (tmp_path / name).write_bytes(render_report(name, green, tmp_path))
        assert READERS[name]((tmp_path / name).read_text()).green, name
    reports = ",".join(f"{name}:{name}" for name in names)
    outcome = run_gate(
        tmp_path, f"--ai-endpoint={reference}", "-k", "ends_here", f"--ai-report={reports}", run="killed"
    )
    assert outcome.status == -9
    for name in names:
        assert not READERS[name]((tmp_path / name).read_text()).green, name


def test_of_two_runs_that_begin_at_once_one_gets_the_folder(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        begun = [one for one in pool.map(lambda _: claim(tmp_path / "run"), range(24)) if one]
    assert len(begun) == 1


def claim(folder: Path) -> bool:
    try:
        RunDir.create(folder)
    except RunDirError:
        return False
    return True
