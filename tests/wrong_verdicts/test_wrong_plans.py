"""Plans that decide nothing or leave something out without saying so, and a PASS that rests on no evidence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.core.adapter import Facts
from harness.core.check_spec import CheckSpec
from harness.core.endpoint import Endpoint
from harness.core.errors import UsageError
from harness.core.experiment import ChaosSettings, ExperimentPlan, Fault
from harness.core.load_settings import LoadSettings
from harness.core.objective import PROFILES
from harness.core.objective_parser import parse_objective
from harness.core.plan import Plan
from harness.core.settings import Settings
from harness.core.verdict import Status, Verdict
from harness.run.planning import build_plan, plan_user_check
from harness.run.preflight import load_adapter
from harness.suite import list_checks
from tests.run.saved import save_and_report

SMOKE = parse_objective("smoke", "latency p95", "<= 1s", PROFILES["pr"])
LOAD = parse_objective("load", "error_rate", "<= 30%", PROFILES["pr"])
CHAOS = parse_objective("chaos", "error_rate", "<= 30%", PROFILES["pr"])
SLOW = Fault("model", "latency", name="slow")
DECLARED = [
    ("s::o", "smoke", CheckSpec("smoke", per="objective")),
    ("l::o", "load", CheckSpec("load", per="objective", grounds=("load",))),
    ("c::o", "chaos", CheckSpec("chaos", per="experiment_objective", grounds=("experiments",))),
]


def make_settings(**more: object) -> Settings:
    settings = Settings(Endpoint("http://h:1", protocol="v2"), ("smoke", "load", "chaos"), (SMOKE, LOAD, CHAOS))
    whole = replace(settings, sections={"load": LoadSettings()}, experiments=(ExperimentPlan.of_fault(SLOW),))
    return replace(whole, **more)  # type: ignore[arg-type]


def test_what_is_not_compared_with_the_baseline_is_listed() -> None:
    plan = build_plan(make_settings(baseline="older"), DECLARED)
    left_out = [line for line in plan.not_judged if "not compared with the baseline" in line]
    assert [line.partition(":")[0] for line in left_out] == ["load", "chaos"]
    assert not build_plan(make_settings(), DECLARED).not_judged


def test_a_baseline_with_which_nothing_is_compared_is_refused() -> None:
    with pytest.raises(UsageError, match="compares nothing"):
        build_plan(make_settings(baseline="older", objectives=(LOAD,)), DECLARED)


@pytest.mark.parametrize(
    "few",
    [
        {
            "experiments": (ExperimentPlan.of_fault(replace(SLOW, duration=3.9), ChaosSettings(rate=10)),),
            "sections": {"load": LoadSettings(), "chaos": ChaosSettings(rate=10)},
        },
        {"sections": {"load": LoadSettings(rate=10, duration=4.9, warm_up=1.0)}},
    ],
    ids=["chaos", "load"],
)
def test_one_request_a_time_block_hides_every_clump_and_is_refused(few: dict[str, object]) -> None:
    """20 of 20 good ones would refute 60 %, were they independent; that they are not could not be seen."""
    with pytest.raises(UsageError, match="at least 40 are needed"):
        build_plan(make_settings(**few), DECLARED)


@pytest.mark.parametrize(
    ("load", "words"),
    [
        (LoadSettings(rate=1, duration=23, warm_up=3), "judges 40 s instead of 20 s"),
        (LoadSettings(rate=500, duration=1.2, warm_up=0.7), "at least 1 s are needed"),
    ],
    ids=["requests", "seconds"],
)
def test_a_load_that_cannot_decide_names_the_shortest_that_could(load: LoadSettings, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        build_plan(make_settings(sections={"load": load}), DECLARED)


def test_a_users_own_verdict_over_nothing_is_no_pass(tmp_path: Path) -> None:
    plan = Plan(("smoke",), (plan_user_check("mine.py::test_it", "smoke", "mine", "blocker"),))
    for number, (n, status) in enumerate([(0, Status.INCONCLUSIVE), (None, Status.PASS), (3, Status.PASS)]):
        report = save_and_report(tmp_path / str(number), plan, ("mine.py::test_it", Verdict(Status.PASS, "holds", n=n)))
        assert report.run.verdict is status


@pytest.mark.parametrize(
    ("protocol", "skipped"),
    [("torchserve", [True, True]), ("mlflow", [True, True]), ("openai_chat", [False, True]), ("v2", [False, False])],
)
def test_what_a_protocol_never_states_is_skipped_and_not_left_inconclusive(protocol: str, skipped: list[bool]) -> None:
    endpoint = Endpoint("http://h:1", protocol, model="m", version="1", sample=[[1.0]])
    declared = [(check.id, check.suite, check.spec) for check in list_checks("smoke") if "::test_model_" in check.id]
    able = load_adapter(protocol).capabilities(endpoint, Facts())
    plan = build_plan(Settings(endpoint, ("smoke",)), declared, {"smoke": able})
    reasons = {check.id.rpartition("::")[2]: check.not_applicable for check in plan.checks}
    assert [bool(reasons[name]) for name in ("test_model_name", "test_model_version")] == skipped
    if skipped[0]:
        assert reasons["test_model_name"] == f"{protocol} at this endpoint offers no model name"
