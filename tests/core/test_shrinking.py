"""A failing experiment is made smaller: to what is needed for the failure, in at most 20 runs."""

from __future__ import annotations

from pathlib import Path

from harness.core.experiment import ChaosSettings, ExperimentPlan, FaultRamp, TimedFault
from harness.core.shrinking import MOST_RUNS, format_plan, list_smaller_plans, shrink_plan
from harness.core.stop_condition import parse_stop_condition
from tests.config.test_experiments import LINKS, read_plans
from tests.config.test_resolve import URL

SLOW = {"latency": 800, "jitter": 0}


def make_plan(*names: str) -> ExperimentPlan:
    return ExperimentPlan("x", tuple(TimedFault("a", "latency", SLOW, name=name) for name in names))


def list_names(plan: ExperimentPlan) -> list[str]:
    return [fault.name for fault in plan.faults]


def test_what_is_not_needed_for_the_failure_is_left_out_and_the_rest_is_weakened() -> None:
    tried = []

    def fails(plan: ExperimentPlan) -> bool:
        tried.append(plan)
        by_name = {fault.name: fault for fault in plan.faults}
        both = {"b", "d"} <= set(by_name)
        return both and int(by_name["d"].attributes["latency"]) >= 200 and by_name["b"].toxicity >= 0.5

    smallest = shrink_plan(make_plan("a", "b", "c", "d"), fails, most=200)
    assert list_names(smallest.plan) == ["b", "d"]
    first, second = smallest.plan.faults
    assert (first.toxicity, second.attributes["latency"]) == (0.5, 200)
    assert smallest.is_minimal
    assert smallest.runs == len(tried) == len({repr(plan) for plan in tried}), "no plan is run twice"
    assert not any(fails(plan) for plan in list_smaller_plans(smallest.plan))


def test_at_most_twenty_runs_and_a_failing_plan_in_any_case() -> None:
    plan = make_plan(*map(str, range(40)))
    runs = []

    def fail_never(candidate: ExperimentPlan) -> bool:
        runs.append(candidate)
        return False

    smallest = shrink_plan(plan, fail_never)
    assert (smallest.plan, smallest.runs, smallest.is_minimal, len(runs)) == (plan, MOST_RUNS, False, 20)


def test_a_down_link_has_nothing_that_could_be_weaker() -> None:
    plan = ExperimentPlan("x", (TimedFault("a", "down", name="gone"),))
    assert list(list_smaller_plans(plan)) == []
    assert shrink_plan(plan, lambda _: True).is_minimal


def test_the_smallest_plan_is_written_so_that_it_can_be_read(tmp_path: Path) -> None:
    ramp = FaultRamp(3, {"latency": 900}, 0.5)
    plan = ExperimentPlan(
        'quoted "name" \\ ü',
        (
            TimedFault("a", "latency", SLOW, toxicity=0.25, at=0.0, duration=1.5, name="one", ramp=ramp),
            TimedFault("b", "down", at=2.0, duration=3.0, name="two"),
        ),
        ChaosSettings(7.0, 3.0, 4.0),
        "all is well",
        (parse_stop_condition("error_rate > 50 % for 5s"),),
        seed=4,
    )
    text = f'[endpoint]\nurl = "{URL}"\n{LINKS}{format_plan(plan)}'
    assert read_plans(tmp_path, text) == (plan,)
