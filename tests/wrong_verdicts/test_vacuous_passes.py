"""The vacuous and wrong passes that other gates were caught in, as far as a plan and its evidence can show them.

Numbered as in the catalogue of gates.md 2.3. 13 (the user's own pytest settings) is in tests/plugin/test_collection.py;
16 and 17 need faults and load, which this version has not.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.core.check_spec import CheckSpec
from harness.core.endpoint import Endpoint
from harness.core.errors import UsageError
from harness.core.gate import Policy, decide
from harness.core.objective import PROFILES, Objective
from harness.core.objective_parser import parse_objective
from harness.core.plan import Plan
from harness.core.report import Report
from harness.core.settings import Settings
from harness.core.verdict import (
    Case,
    Level,
    Slice,
    Status,
    Verdict,
    judge_contract,
    make_error,
    make_inconclusive,
    make_skipped,
)
from harness.run.baseline import BaselineSource, compare_with_baseline, find_baseline
from harness.run.fixed_sample import CANDIDATE_SAMPLE
from harness.run.planning import build_plan, make_comparison_id, plan_user_check
from tests.run.saved import GOOD, make_plan, save_and_report

OBJECTIVE = parse_objective("smoke", "latency p95", "<= 1s", PROFILES["pr"])
SPEC = CheckSpec("objectives hold", per="objective")
SOURCE = f"t::objectives[{OBJECTIVE.slug}]"
SAMPLED = Verdict(Status.PASS, "0 of 500", n=500, estimate=0.0, slices=(Slice(CANDIDATE_SAMPLE, 500, 0.0),))


def make_settings(baseline: str | None, objective: Objective = OBJECTIVE, *, accept_first: bool = False) -> Settings:
    return Settings(
        Endpoint("http://h:1", protocol="v2"),
        ("smoke",),
        (objective,),
        baseline=baseline,
        policy=Policy(accept_first=accept_first),
    )


def comparison(older: BaselineSource, verdict: Verdict, *, accept_first: bool = False) -> Verdict:
    settings = make_settings(older.name, accept_first=accept_first)
    plan = build_plan(settings, [("t::objectives", "smoke", SPEC)])
    return compare_with_baseline(older, settings, plan, {SOURCE: verdict}, "1")[make_comparison_id("smoke", OBJECTIVE)]


def older_run(
    folder: Path, *, status: Status = Status.PASS, version: str = "1", objective: str | None = None
) -> Report:
    """The report of a baseline run that judged OBJECTIVE, or another one, with a sample of fixed size."""
    plan = build_plan(make_settings("x"), [("t::objectives", "smoke", SPEC)])
    source = replace(plan.checks[0], objective=objective or plan.checks[0].objective)
    report = save_and_report(folder, replace(plan, checks=(source,)), (SOURCE, replace(SAMPLED, status=status)))
    return replace(report, environment={"aiharness": version})


def test_vacuous_01_a_metric_with_zero_samples(tmp_path: Path) -> None:
    empty = Verdict(Status.PASS, "0 of 0 requests took longer", n=0, estimate=0.0)
    assert save_and_report(tmp_path, make_plan(1, kind="estimate"), ("c0", empty)).run.verdict is Status.INCONCLUSIVE


def test_vacuous_02_every_measurement_errored(tmp_path: Path) -> None:
    report = save_and_report(tmp_path, make_plan(2), ("c0", make_error("broke")), ("c1", make_error("broke")))
    assert report.run.verdict is Status.ERROR
    assert report.run.exit_status == 21


def test_vacuous_03_a_terminated_check_is_no_success(tmp_path: Path) -> None:
    report = save_and_report(tmp_path, make_plan(2), ("c0", GOOD))
    assert report.run.verdict is Status.INCONCLUSIVE
    assert report.run.partial


def test_vacuous_04_a_check_that_never_started_is_missing(tmp_path: Path) -> None:
    report = save_and_report(tmp_path, make_plan(1))
    assert report.checks[0].missing
    assert report.checks[0].reason == "it was planned and did not run"


@pytest.mark.parametrize("accept_first", [False, True])
def test_vacuous_05_without_an_older_result_nothing_is_no_worse(tmp_path: Path, accept_first: bool) -> None:
    settings = make_settings(str(tmp_path / "nowhere"), accept_first=accept_first)
    if accept_first:
        older = find_baseline(settings)
        assert older is not None
        verdict = comparison(older, SAMPLED, accept_first=True)
        assert verdict.status is Status.PASS
        assert "--ai-accept-first" in verdict.reason, "let through aloud"
    else:
        with pytest.raises(UsageError, match="does not exist"):
            find_baseline(settings)
        assert comparison(BaselineSource("gone"), SAMPLED).status is Status.INCONCLUSIVE


def test_vacuous_05_an_older_result_of_something_else_proves_nothing(tmp_path: Path) -> None:
    good = older_run(tmp_path / "good")
    assert comparison(BaselineSource("good", good), SAMPLED).status is Status.PASS
    for name, other in {
        "failed": older_run(tmp_path / "failed", status=Status.FAIL),
        "version": older_run(tmp_path / "version", version="2"),
        "objective": older_run(tmp_path / "objective", objective="latency p50 <= 9000 ms"),
        "sample": replace(older_run(tmp_path / "sample"), plan=replace(good.plan, policy=(("sample", "x"),))),
    }.items():
        assert comparison(BaselineSource(name, other), SAMPLED).status is Status.INCONCLUSIVE, name


def test_vacuous_06_nothing_judged_is_not_everything_good(tmp_path: Path) -> None:
    assert save_and_report(tmp_path, Plan(("smoke",), ())).run.verdict is Status.INCONCLUSIVE


def test_vacuous_07_nan_is_not_zero(tmp_path: Path) -> None:
    """A file holds null in place of NaN, so the gate must see the hole on both ways."""
    plan, nan = make_plan(1, kind="estimate"), replace(GOOD, estimate=float("nan"))
    assert decide(plan, {"c0": nan}).verdict is Status.INCONCLUSIVE
    report = save_and_report(tmp_path, plan, ("c0", nan))
    assert report.run.verdict is Status.INCONCLUSIVE
    assert report.checks[0].estimate is None


def test_vacuous_08_traffic_that_stopped_half_way_is_too_few_samples(tmp_path: Path) -> None:
    plan = build_plan(make_settings(None), [("t::objectives", "smoke", SPEC)])
    least = plan.checks[0].min_n
    assert least is not None
    for n, status in ((least - 1, Status.INCONCLUSIVE), (least, Status.PASS)):
        report = save_and_report(tmp_path / str(n), plan, (SOURCE, Verdict(Status.PASS, "0 over", n=n, estimate=0.0)))
        assert report.run.verdict is status


def test_vacuous_09_fewer_repeats_than_planned(tmp_path: Path) -> None:
    two = judge_contract([Case("1"), Case("2")], "three of three are alike", planned=3)
    assert save_and_report(tmp_path, make_plan(1), ("c0", two)).run.verdict is Status.INCONCLUSIVE
    assert judge_contract([Case("1")], "alike", distinct=0).status is Status.INCONCLUSIVE


@pytest.mark.parametrize("same", ["http://h:1", "http://h:1/"])
def test_vacuous_10_a_candidate_is_not_compared_with_itself(same: str) -> None:
    with pytest.raises(UsageError, match="compared with itself proves nothing"):
        find_baseline(make_settings(same))


def test_vacuous_11_a_missing_sample_is_no_equal_sample(tmp_path: Path) -> None:
    older = BaselineSource("older", older_run(tmp_path))
    assert comparison(older, replace(SAMPLED, slices=())).status is Status.INCONCLUSIVE
    assert older.report is not None
    bare = tuple(replace(row, slices=()) for row in older.report.checks)
    assert comparison(BaselineSource("bare", replace(older.report, checks=bare)), SAMPLED).status is Status.INCONCLUSIVE
    assert comparison(BaselineSource("empty", replace(older.report, checks=())), SAMPLED).status is Status.INCONCLUSIVE


def test_vacuous_12_the_best_of_several_tries_does_not_count(tmp_path: Path) -> None:
    bad = Verdict(Status.FAIL, "first try", n=1)
    report = save_and_report(tmp_path, make_plan(1), ("c0", bad), ("c0", GOOD))
    assert report.run.verdict is Status.FAIL
    assert any("more than once" in note for note in report.notes)


def test_vacuous_14_a_dead_workers_check_is_an_error(tmp_path: Path) -> None:
    report = save_and_report(tmp_path, make_plan(2), ("c0", GOOD), ("c1", make_error("the worker crashed")))
    assert report.run.exit_status == 21


@pytest.mark.parametrize("level", ["blocker", "warn", "info"])
def test_vacuous_15_a_check_that_was_deselected_is_a_hole(tmp_path: Path, level: str) -> None:
    """`-k`, `-m` and `--deselect` act after the plan is written, on packaged checks and on the user's own."""
    plan = make_plan(1).add_checks([plan_user_check("mine.py::test_it", "smoke", "mine", level)])
    report = save_and_report(tmp_path, plan, ("c0", GOOD))
    assert report.run.verdict is Status.INCONCLUSIVE
    assert report.run.partial
    assert [row.missing for row in report.checks] == [False, True]


def test_vacuous_18_verdict_and_exit_status_agree(tmp_path: Path) -> None:
    cases = {Status.PASS: 0, Status.FAIL: 1, Status.INCONCLUSIVE: 20, Status.ERROR: 21}
    given = (GOOD, Verdict(Status.FAIL, "x", n=1), make_inconclusive("x"), make_error("x"))
    for number, verdict in enumerate(given):
        report = save_and_report(tmp_path / str(number), make_plan(1), ("c0", verdict))
        assert report.run.exit_status == cases[report.run.verdict]
        assert report.run.verdict is verdict.status


def test_an_undeclared_skip_is_a_hole(tmp_path: Path) -> None:
    report = save_and_report(tmp_path, make_plan(2), ("c0", GOOD), ("c1", make_skipped("the user's skip")))
    assert report.run.verdict is Status.INCONCLUSIVE
    assert report.run.partial


def test_a_comparison_is_in_the_plan_and_its_absence_is_a_hole(tmp_path: Path) -> None:
    plan = build_plan(make_settings("older"), [("t::objectives", "smoke", SPEC)])
    assert [check.kind for check in plan.checks] == ["estimate", "comparison"]
    assert save_and_report(tmp_path, plan, (SOURCE, SAMPLED)).run.verdict is Status.INCONCLUSIVE


def test_an_objective_that_could_never_pass_is_refused_before_anything_is_sent() -> None:
    small = replace(OBJECTIVE, cap=20)
    with pytest.raises(UsageError, match="cannot PASS"):
        build_plan(make_settings(None, small), [("t::objectives", "smoke", SPEC)])


def test_fail_is_at_alpha_over_the_statistical_blockers_of_the_plan() -> None:
    warn = replace(OBJECTIVE, name="second", level=Level.WARN)
    third = replace(OBJECTIVE, name="third")
    settings = replace(make_settings(None), objectives=(OBJECTIVE, warn, third))
    plan = build_plan(settings, [("t::objectives", "smoke", SPEC), ("t::plain", "smoke", CheckSpec("plain"))])
    assert [check.alpha_fail for check in plan.checks] == [0.025, 0.025, 0.025, None, None]
    assert [check.alpha for check in plan.checks] == [0.05, 0.05, 0.05, None, None]
