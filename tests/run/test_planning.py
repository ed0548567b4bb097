"""The plan: what the profile `strict` raises, and what each measurement costs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.chaos.query_asking import MOST_ASKED
from harness.core.adapter import Capabilities
from harness.core.attack_settings import AttackSettings
from harness.core.check_spec import CheckSpec
from harness.core.dataset import Dataset
from harness.core.endpoint import Deadlines, Endpoint
from harness.core.errors import UsageError
from harness.core.experiment import ChaosSettings, ExperimentPlan, Fault
from harness.core.load_settings import LoadSettings
from harness.core.objective import PROFILES
from harness.core.objective_parser import parse_objective
from harness.core.plan import Plan
from harness.core.settings import DataSettings, Settings
from harness.core.verdict import Level
from harness.load.known import ASKED_BESIDE
from harness.run.planning import build_plan
from harness.run.unprovoked import CHECK_ID as UNPROVOKED
from harness.suite import list_checks


def levels(profile: str, objective_level: str = "warn") -> dict[str, Level]:
    objective = parse_objective("smoke", "error_rate", "<= 10 %", PROFILES[profile], level=objective_level)
    settings = Settings(Endpoint("http://127.0.0.1:1"), ("smoke",), (objective,))
    declared = [(level, "smoke", CheckSpec(level, level=Level(level))) for level in ("blocker", "warn", "info")]
    declared.append(("objective", "smoke", CheckSpec("objective", per="objective")))
    plan = build_plan(replace(settings, profile=PROFILES[profile]), declared)
    return {check.id.partition("[")[0]: check.level for check in plan.checks if check.id != UNPROVOKED}


def test_strict_raises_warnings_of_packaged_checks_only() -> None:
    assert levels("release") == {"blocker": "blocker", "warn": "warn", "info": "info", "objective": "warn"}
    assert levels("strict") == {"blocker": "blocker", "warn": "blocker", "info": "info", "objective": "warn"}


def test_a_warning_that_is_named_blocks_and_a_name_of_nothing_is_refused() -> None:
    """All cases of a test, or one of them; ids as reports write them. Names of suites that do not run are left."""
    test = "integration/test_bad_inputs.py::test_refused"

    def list_levels(*names: str) -> dict[str, Level]:
        blocked = plan("integration", block=names)
        return {check.id.removeprefix("ai-suite/"): check.level for check in blocked.checks}

    before = list_levels("smoke/test_health.py::test_live")
    cases = {id_ for id_ in before if id_.partition("[")[0] == test}
    assert len(cases) > 5
    assert {before[id_] for id_ in cases} == {Level.WARN}
    assert list_levels(test) == {**before, **dict.fromkeys(cases, Level.BLOCKER)}
    one = min(cases)
    assert list_levels(f"ai-suite/{one}") == {**before, one: Level.BLOCKER}
    with pytest.raises(UsageError, match=r"\[run\] block: unknown check .*Did you mean '.*test_refused'"):
        list_levels("integration/test_bad_inputs.py::test_refusd")
    with pytest.raises(UsageError, match=r"unknown check 'intgration/test_a\.py::test_b'"):
        list_levels("intgration/test_a.py::test_b")


DATA = Dataset("rows", tuple([float(number)] for number in range(200)), tuple(number % 2 for number in range(200)))
ATTACK = AttackSettings(0.5, budget=10, inputs=50, attacks=("square", "rays"))
ENDPOINT = Endpoint("http://127.0.0.1:1", "v2", deadlines=Deadlines(total=2.0))


def plan(suite: str, *objectives: tuple[str, str], **given: object) -> Plan:
    parsed = [
        parse_objective(suite, metric, limit, PROFILES["pr"], name=f"{number} {metric}")
        for number, (metric, limit) in enumerate(objectives)
    ]
    settings = Settings(ENDPOINT, (suite,), tuple(parsed), PROFILES["pr"], data=DataSettings(DATA))
    return build_plan(replace(settings, **given), list(list_checks(suite)))  # type: ignore[arg-type]


@pytest.mark.parametrize("limit", ["<= 0.001", "<= 0.4", "<= 20", "<= 1e9"])
def test_an_error_in_its_own_unit_needs_no_number_of_rows(limit: str) -> None:
    for metric in ("mae", "rmse", "log_loss"):
        planned = next(check for check in plan("validation", (metric, limit)).checks if check.metric == metric)
        assert (planned.kind, planned.min_n, planned.cap) == ("estimate", None, 200)


def test_seven_objectives_of_an_attack_are_one_measurement() -> None:
    only_square = {"adversarial": replace(ATTACK, attacks=("square",))}
    built = plan("adversarial", *[("robust_accuracy", ">= 50%")] * 7, sections=only_square)
    [square] = built.measurements
    assert square.id == "adversarial/square"
    rows = 50 + 3 + 2 * 50 * 10 + 5 * 60
    assert square.requests == 2 * rows + rows // 2 + (50 * 2 + 5) * 3 + 1, (
        "clean rows, three of them once more, the search and that from labels, smaller findings: each row alone, "
        "once more, and half as much "
        "for noise; the replays of findings"
    )
    assert square.note.startswith("50 inputs, 10 rows each")
    judging = [check for check in built.checks if check.measures == (square.id,)]
    assert len(judging) == 7
    assert sum(check.requests for check in judging) == 0
    assert judging[0].id.startswith("ai-suite/adversarial/test_square.py::test_square[0-robust")


def test_each_chosen_attack_is_a_measurement_and_has_checks_of_its_own() -> None:
    built = plan("adversarial", ("robust_accuracy", ">= 50%"), sections={"adversarial": ATTACK})
    assert [measurement.id for measurement in built.measurements] == ["adversarial/rays", "adversarial/square"]
    titles = {check.measures: check.title for check in built.checks if check.measures}
    assert titles == {
        ("adversarial/square",): "0 robust_accuracy",
        ("adversarial/rays",): "0 robust_accuracy against rays",
        ("adversarial/square", "adversarial/rays"): "0 robust_accuracy",
    }
    others = plan(
        "adversarial", ("robust_accuracy", ">= 50%"), sections={"adversarial": replace(ATTACK, attacks=("rays",))}
    )
    assert [measurement.id for measurement in others.measurements] == ["adversarial/rays"]
    assert "robust accuracy: attack 'square' is not chosen ([adversarial] attacks)" in others.not_judged


def test_what_is_not_offered_is_not_measured() -> None:
    settings = Settings(ENDPOINT, ("adversarial",), data=DataSettings(DATA), sections={"adversarial": ATTACK})
    objective = parse_objective("adversarial", "robust_accuracy", ">= 50%", PROFILES["pr"])
    settings = replace(settings, objectives=(objective,))
    built = build_plan(settings, list(list_checks("adversarial")), {"adversarial": Capabilities(text=True)})
    assert not built.measurements
    assert all(check.not_applicable for check in built.checks if check.measures)


def test_objectives_of_a_load_and_of_labelled_data_share_their_measurement() -> None:
    load = plan("load", ("error_rate", "<= 30%"), ("latency p80", "<= 1s"), sections={"load": LoadSettings(rate=20)})
    assert [(m.id, m.requests, m.seconds) for m in load.measurements] == [("load/steady", 600 + ASKED_BESIDE, 30.0)]
    rows = plan("validation", ("accuracy", ">= 50%"), ("accuracy", ">= 60%"))
    requests = 200 + 7 + 4
    assert [(m.id, m.requests) for m in rows.measurements] == [("validation/accuracy", requests)], "7 batches refused"


def test_each_fault_is_a_measurement_that_lasts_at_most_until_recovery_is_ruled_out() -> None:
    faults = tuple(Fault("model", "latency", name=name, duration=4.0) for name in ("slow", "slower"))
    chaos = ChaosSettings(rate=10.0, baseline=2.0, recovery=3.0)
    plans = tuple(ExperimentPlan.of_fault(fault, chaos) for fault in faults)
    built = plan("chaos", ("error_rate", "<= 30%"), experiments=plans, sections={"chaos": chaos})
    assert [m.id for m in built.measurements] == ["chaos/slow", "chaos/slower"]
    phases, look = 2.0 + 4.0 + 3.0 + 5.0, 8 + 1 + 8 * 28
    assert {m.seconds for m in built.measurements} == {phases + 16 * (0.4 + 2.4)}
    assert {m.requests for m in built.measurements} == {look + MOST_ASKED + 3 + round(11 * (phases + 2.0 + 10.0))}
    assert {check.measures for check in built.checks} == {("chaos/slow",), ("chaos/slower",)}


def test_a_sampled_objective_counts_its_warm_up_and_a_second_endpoint() -> None:
    alone = plan("smoke", ("latency p80", "<= 1s"))
    beside = plan("smoke", ("latency p80", "<= 1s"), baseline="http://127.0.0.1:2")
    assert [[c.requests for c in built.checks if c.kind == "estimate"] for built in (alone, beside)] == [[550], [1100]]
