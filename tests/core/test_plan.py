"""The plan: its hash outlives new fields, and its cost counts each measurement once."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.core.plan import Cost, Plan, PlannedCheck, PlannedMeasurement
from harness.core.verdict import Level
from harness.io.rundir import PLAN, read_run

SAVED = Path(__file__).parents[1] / "data" / "saved_run"
"""A run of five suites, saved before plans had measurements."""

OWN = PlannedCheck("a", "smoke", Level.BLOCKER, "asks itself", requests=3, tokens=30)
SHARED = PlannedCheck("b", "integration", Level.BLOCKER, "shares", requests=5, tokens=50, shared=True)
JUDGES = PlannedCheck("c", "load", Level.BLOCKER, "judges", measures=("load/steady",))
PLAN_OF_THREE = Plan(
    ("smoke", "integration", "load"),
    (OWN, SHARED, JUDGES, replace(JUDGES, id="d")),
    measurements=(PlannedMeasurement("load/steady", 100, 1600, 5.0),),
)


def test_a_plan_written_before_keeps_its_hash() -> None:
    plan = read_run(SAVED).plan
    assert plan is not None
    written = json.loads((SAVED / PLAN).read_text())
    assert plan.hash == written["hash"]
    written.pop("run")
    assert json.loads(json.dumps(plan.to_dict())) == written


@pytest.mark.parametrize(("processes", "requests"), [(1, 108), (2, 113), (4, 123)])
def test_each_measurement_is_paid_once_and_shared_answers_once_a_process(processes: int, requests: int) -> None:
    plan = replace(PLAN_OF_THREE, processes=processes)
    assert plan.cost == Cost(requests, 10 * (requests - 100) + 1600, 5.0)
    assert plan.hash == PLAN_OF_THREE.hash, "how many processes run the checks binds no verdict"


def test_what_a_plan_measures_is_in_its_hash_and_its_file() -> None:
    assert replace(PLAN_OF_THREE, measurements=()).hash != PLAN_OF_THREE.hash
    content = PLAN_OF_THREE.to_dict()
    assert content["measurements"] == [{"id": "load/steady", "requests": 100, "tokens": 1600, "seconds": 5.0}]
    assert [check.get("measures") for check in content["checks"]] == [None, None, ("load/steady",), ("load/steady",)]
