"""`aiharness rejudge`: verdicts of saved runs by other limits, with nothing sent and nothing let through."""

from __future__ import annotations

import json
import math
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.commands import rejudge
from harness.core.errors import UsageError
from harness.core.objective import PROFILES
from harness.core.objective_parser import parse_objective
from harness.core.plan import PlannedCheck
from harness.core.rejudgement import follow_verdict, is_same_rule, list_changed_verdicts
from harness.core.verdict import Level, Status, Verdict
from harness.io.rundir import read_gate
from harness.reference.process import ReferenceProcess
from harness.reference.settings import ServiceSettings
from harness.run.fixed_sample import BASELINE_SAMPLE, CANDIDATE_SAMPLE
from harness.run.kept_samples import KeptSamples, find_samples
from harness.run.objective import judge_kept
from harness.run.planning import make_rate_test
from harness.run.report_files import render_report
from harness.stats.guarded_test import GuardedRateTest
from tests.conftest import ROOT, GateOutcome, run_gate
from tests.reports.readers import READERS
from tests.reports.sample_reports import six_suites

ROWS = (ROOT / "examples" / "digits_heldout.csv").read_text().splitlines()[:301]
CONFIG = """
[endpoint]
protocol = "plain_json"
[data]
file = "rows.csv"
[load]
rate = 40
duration = 3
warm_up = 0.5
"""
OBJECTIVES = {
    ("load", "latency p90"): "<= 2s",
    ("load", "error_rate"): "<= 20%",
    ("smoke", "latency p90"): "<= 900ms",
    ("validation", "accuracy"): ">= 30%",
}


def write_config(folder: Path, text: str = CONFIG, **limits: str) -> Path:
    """A configuration whose limits may differ: `load_latency="<= 1ms"`."""
    lines = [text]
    for (suite, metric), limit in OBJECTIVES.items():
        limit = limits.get(f"{suite}_{metric.partition(' ')[0]}", limit)
        lines.append(f'[[objective]]\nsuite = "{suite}"\nmetric = "{metric}"\nlimit = "{limit}"\n')
    path = folder / "other.toml"
    path.write_text("".join(lines))
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> GateOutcome:
    """A run of three suites on a healthy service, which is gone when it is judged again.

    A machine that is too busy for seconds leaves the load open, and another run is made.
    """
    for _ in range(3):
        outcome = run_three_suites(tmp_path_factory.mktemp("whole"))
        if outcome.status == 0:
            break
    return outcome


def run_three_suites(folder: Path) -> GateOutcome:
    (folder / "rows.csv").write_text("\n".join(line.rpartition(",")[0] for line in ROWS))
    write_config(folder).rename(folder / "aiharness.toml")
    select = "objective or accuracy or test_intact or test_answered or test_valid"
    with ReferenceProcess(ServiceSettings()) as server:
        options = (f"--ai-endpoint={server.url}", "-k", select)
        return run_gate(folder, *options, suite="smoke,validation,load", timeout=240)


def judge_again(run: Path, folder: Path, **given: Any) -> tuple[int, dict[str, Any]]:
    options = {"config": None, "profile": None, "inconclusive": None, "allow_partial": True, **given}
    status = rejudge.COMMAND.run(run_=str(run), run_dir=str(folder / "again"), **options)
    return status, json.loads((folder / "again" / "gate.json").read_text())


def find(report: dict[str, Any], end: str) -> dict[str, Any]:
    rows = [row for row in report["checks"] if end in row["id"]]
    assert len(rows) == 1, [row["id"] for row in report["checks"]]
    row: dict[str, Any] = rows[0]
    return row


def verdicts(report: dict[str, Any]) -> dict[str, str]:
    return {row["id"]: row["verdict"] for row in report["checks"]}


def test_by_the_same_limits_every_verdict_is_the_same(
    whole: GateOutcome, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, report = judge_again(whole.run_dir, tmp_path)
    before = json.loads((whole.run_dir / "gate.json").read_text())
    assert verdicts(report) == verdicts(before)
    assert status == report["run"]["exit_status"]
    assert "nothing sent: 0 changed" in capsys.readouterr().out
    assert report["distributions"] == before["distributions"]
    assert any("judged again from run: nothing was sent" in note for note in report["notes"])
    assert (tmp_path / "again" / "report.html").exists()


def test_limits_of_loads_and_of_data_are_judged_by_the_files(
    whole: GateOutcome, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(whole.run_dir.parent, load_latency="<= 0.1ms", validation_accuracy=">= 99.9%")
    status, report = judge_again(whole.run_dir, tmp_path, config=str(config))
    assert status == 1
    load = find(report, "load/test_objectives.py::test_objective[latency")
    assert (load["verdict"], load["objective"]) == ("FAIL", "latency p90 <= 0.1 ms")
    assert any("2 % wide" in note for note in load["notes"])
    accuracy = find(report, "test_accuracy[")
    assert accuracy["verdict"] in ("FAIL", "INCONCLUSIVE")
    assert accuracy["limit"] == pytest.approx(0.999)
    shown = capsys.readouterr().out
    assert "latency p90 <= 0.1 ms (was latency p90 <= 2 s)" in shown


def copy_without_samples(run: Path, folder: Path) -> Path:
    """The run as an older version left it."""
    shutil.copytree(run, folder / "run")
    shutil.rmtree(folder / "run" / "samples")
    (folder / "rows.csv").write_bytes((run.parent / "rows.csv").read_bytes())
    return folder / "run"


def test_samples_that_are_not_kept_are_not_judged_again(whole: GateOutcome, tmp_path: Path) -> None:
    config = write_config(whole.run_dir.parent, smoke_latency="<= 0.1ms")
    status, report = judge_again(copy_without_samples(whole.run_dir, tmp_path), tmp_path, config=str(config))
    row = find(report, "smoke/test_objectives.py::test_objective[")
    assert (status, row["verdict"]) == (20, "INCONCLUSIVE")
    assert "it cannot be judged again from what is saved: its samples are not kept" in row["reason"]
    again = read_gate(tmp_path / "again" / "gate.json")
    for name in ("ctrf", "sarif", "annotations", "prometheus", "markdown"):
        assert not READERS[name](render_report(name, again, tmp_path).decode()).green, name


def test_kept_requests_are_counted_by_the_new_limit(whole: GateOutcome, tmp_path: Path) -> None:
    config = write_config(whole.run_dir.parent, smoke_latency="<= 0.1ms")
    status, report = judge_again(whole.run_dir, tmp_path, config=str(config))
    row = find(report, "smoke/test_objectives.py::test_objective[")
    assert (status, row["verdict"], row["objective"]) == (1, "FAIL", "latency p90 <= 0.1 ms")
    assert re.match(r"(\d+) of \1 requests in the .* s of this sample took longer than 0.1 ms", row["reason"])
    assert any(note.startswith("the requests are those of latency p90 <= 900 ms") for note in row["notes"])


def test_another_percentile_is_judged_by_the_same_requests(whole: GateOutcome, tmp_path: Path) -> None:
    text = CONFIG + '[[objective]]\nsuite = "smoke"\nmetric = "latency p80"\nlimit = "<= 900ms"\n'
    _, report = judge_again(whole.run_dir, tmp_path, config=str(write_config(whole.run_dir.parent, text)))
    row = find(report, "smoke/test_objectives.py::test_objective[latency-p80]")
    assert 75 <= row["n"] <= len(read_kept(whole.run_dir).values)
    assert row["reason"].startswith(f"0 of {row['n']} requests in the ") or row["verdict"] != "PASS"


@pytest.mark.parametrize("limit", ["<= 900ms", "<= 3ms", "<= 0.1ms"])
def test_counted_again_by_one_rule_the_requests_give_one_verdict(whole: GateOutcome, limit: str) -> None:
    """What was judged while the requests came is the oracle of what is judged of the kept ones."""
    sample, objective = read_kept(whole.run_dir), parse_objective("smoke", "latency p90", limit, PROFILES["release"])
    check = PlannedCheck(sample.check, "smoke", Level.BLOCKER, "x", alpha_fail=0.05 / 3)
    test = GuardedRateTest(make_rate_test(objective, 0.05 / 3), objective.limit)
    for value in sample.values:
        seconds = math.inf if value is None else value
        test.add(seconds, seconds > objective.limit)
    verdict = judge_kept(sample, objective, check)
    assert (verdict.n, verdict.estimate, verdict.ci) == (test.n, test.estimate(), test.compute_bounds())
    assert verdict.status.lower() == (test.decision or "inconclusive")


def test_too_few_kept_requests_say_what_is_needed() -> None:
    sample = KeptSamples("c", "smoke", "latency", "latency p50 <= 1 s", 3, [0.01] * 60, [i / 10 for i in range(60)])
    objective = parse_objective("smoke", "latency p99", "<= 1s", PROFILES["release"])
    verdict = judge_kept(sample, objective, PlannedCheck("c", "smoke", Level.BLOCKER, "x", alpha_fail=0.05))
    assert verdict.status is Status.INCONCLUSIVE
    assert "the 60 requests that were sent decide nothing by this rule, which takes up to 1600" in verdict.reason
    assert verdict.n_needed is not None
    assert verdict.n_needed > 1000


def test_a_comparison_is_counted_again_from_the_pairs() -> None:
    objective = parse_objective("smoke", "error_rate", "<= 20%", replace(PROFILES["pr"], cap=60))
    values = [None if i % 10 == 3 else 0.0 for i in range(60)]
    due = [i / 5 for i in range(60)]
    sample = KeptSamples("c", "smoke", "error_rate", objective.text, 3, values, due, values[::-1])
    check = PlannedCheck("c", "smoke", Level.BLOCKER, "x", alpha_fail=0.05)
    verdict = judge_kept(sample, objective, check, compares=True)
    slices = {part.name: (part.n, part.estimate) for part in verdict.slices}
    assert slices[CANDIDATE_SAMPLE] == slices[BASELINE_SAMPLE] == (60, 0.1)


def read_kept(run: Path) -> KeptSamples:
    sample = find_samples(run, "", parse_objective("smoke", "latency p90", "<= 900ms", PROFILES["release"]))
    assert sample is not None
    return sample


def test_a_looser_limit_follows_from_a_stricter_one(whole: GateOutcome, tmp_path: Path) -> None:
    before = next(row for row in json.loads((whole.run_dir / "gate.json").read_text())["checks"] if
                  "smoke/test_objectives.py" in row["id"])  # fmt: skip
    config = write_config(whole.run_dir.parent, smoke_latency="<= 5s")
    _, report = judge_again(copy_without_samples(whole.run_dir, tmp_path), tmp_path, config=str(config))
    row = find(report, "smoke/test_objectives.py::test_objective[")
    assert (row["verdict"] == "PASS") is (before["verdict"] == "PASS")
    if before["verdict"] == "PASS":
        assert "it held a stricter rule (latency p90 <= 900 ms)" in row["reason"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (CONFIG.replace("rate = 40", "rate = 50"), "another [load]"),
        (CONFIG + "[promises]\ndeterministic = true\n", "another [promises]"),
        (CONFIG.replace('file = "rows.csv"', 'file = "rows.csv"\nseparator = ";"'), "[data]"),
    ],
)
def test_what_would_be_asked_otherwise_is_refused(text: str, problem: str, whole: GateOutcome, tmp_path: Path) -> None:
    config = write_config(whole.run_dir.parent, text)
    with pytest.raises(UsageError, match=r"was asked with another|separator") as caught:
        judge_again(whole.run_dir, tmp_path, config=str(config))
    assert problem.strip("[]").split("[")[-1] in str(caught.value)


def test_a_run_that_was_cut_short_stays_undecided(whole: GateOutcome, tmp_path: Path) -> None:
    killed = whole.run_dir.parent / "killed"
    shutil.copytree(whole.run_dir, killed)
    (killed / "gate.json").unlink()
    status, report = judge_again(killed, tmp_path)
    assert status == 20 or find(report, "load/test_objectives.py::test_objective[latency")["verdict"] == "FAIL"
    assert report["run"]["verdict"] != "PASS"
    assert "killed was cut short" in report["run"]["interrupted"]
    shutil.rmtree(killed)


def test_a_second_judgement_is_no_run_of_its_own(
    whole: GateOutcome, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(whole.run_dir.parent)
    options = {"config": None, "profile": None, "inconclusive": None, "allow_partial": False, "run_dir": None}
    rejudge.COMMAND.run(run_="run", **options)
    written = capsys.readouterr().out.rpartition("report: ")[2].strip()
    assert written.startswith("run/again/")
    assert written.endswith("/report.html")
    assert (Path(written).parent / "gate.json").exists()
    rejudge.COMMAND.run(run_=written, **options)
    assert capsys.readouterr().out.count(": 0 changed") == 1, "it can be judged again itself"


def make_check(limit: float, direction: str, *, alpha_fail: float = 0.05) -> PlannedCheck:
    budget = limit if direction == "<=" else 1 - limit
    return PlannedCheck("c", "smoke", Level.BLOCKER, "c", kind="estimate", metric="m", limit=limit, budget=budget,
                        loosened=2 * budget, alpha=0.05, alpha_fail=alpha_fail)  # fmt: skip


@pytest.mark.parametrize(
    ("status", "direction", "old", "new", "follows"),
    [
        (Status.PASS, "<=", 0.1, 0.2, True),
        (Status.PASS, "<=", 0.2, 0.1, False),
        (Status.PASS, ">=", 0.9, 0.8, True),
        (Status.PASS, ">=", 0.8, 0.9, False),
        (Status.FAIL, "<=", 0.2, 0.1, True),
        (Status.FAIL, "<=", 0.1, 0.2, False),
        (Status.FAIL, ">=", 0.8, 0.9, True),
        (Status.FAIL, ">=", 0.9, 0.8, False),
        (Status.INCONCLUSIVE, "<=", 0.1, 0.2, False),
        (Status.ERROR, "<=", 0.1, 0.1, False),
    ],
)
def test_what_follows_from_a_verdict(status: Status, direction: str, old: float, new: float, follows: bool) -> None:
    verdict = Verdict(status, "because", direction=direction, n=100)
    implied = follow_verdict(make_check(old, direction), make_check(new, direction), verdict)
    assert (implied is not None) is follows
    assert implied is None or implied.status is status


def test_smaller_error_rates_follow_from_nothing() -> None:
    verdict = Verdict(Status.FAIL, "because", direction="<=", n=100)
    old, new = make_check(0.2, "<="), make_check(0.2, "<=", alpha_fail=0.01)
    assert follow_verdict(old, new, verdict) is None
    assert follow_verdict(replace(old, alpha=0.1), old, replace(verdict, status=Status.PASS)) is None
    assert follow_verdict(replace(old, metric="other"), new, verdict) is None
    assert not is_same_rule(old, new)
    assert is_same_rule(old, replace(old, level=Level.WARN, title="d"))


def test_a_check_that_blocks_no_longer_is_named() -> None:
    report = six_suites(passes=True)
    rows = (replace(report.checks[0], level=Level.INFO), *report.checks[1:])
    (change,) = list_changed_verdicts(report, replace(report, checks=rows))
    assert f"{report.checks[0].title} as info (was" in change.describe()
    assert list(list_changed_verdicts(report, report)) == []
