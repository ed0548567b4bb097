"""One experiment a fault, run once: no silent corruption, recovery, and the configured objectives."""

from __future__ import annotations

import pytest

from harness.checks import chaos
from harness.core.experiment import Fault
from harness.core.objective import Objective
from harness.core.verdict import Verdict
from harness.run.experiment import experiment
from harness.run.gaterun import GateRun
from harness.run.rate import judge_fixed
from harness.run.session import Session
from harness.suite import check


@check("the fault landed and was lifted, and no answer was silently wrong", per="fault", grounds=("faults",))
def test_intact(ai_client: Session, ai_run: GateRun, fault: Fault) -> Verdict:
    return chaos.intact(experiment(ai_client, ai_run, fault))


@check("the service recovers after the fault", per="fault", grounds=("faults",), requests=0)
def test_recovers(ai_client: Session, ai_run: GateRun, fault: Fault) -> Verdict:
    return chaos.recovers(experiment(ai_client, ai_run, fault), ai_client.settings.chaos.recovery)


@check("objective", per="fault_objective", grounds=("faults",), requests=0)
def test_objective(
    ai_client: Session, ai_run: GateRun, fault: Fault, objective: Objective, request: pytest.FixtureRequest
) -> Verdict:
    found = experiment(ai_client, ai_run, fault)
    if objective.metric == "recovery":
        return chaos.recovers(found, ai_client.settings.chaos.recovery, objective.limit)
    if (verdict := chaos.undecided(found)) is not None:
        return verdict
    planned = ai_run.planned[request.node.nodeid]
    during = found.during()[: planned.cap]
    failed = sum(not s.good for s in during)
    what = "requests meant for while the fault was on failed"
    return judge_fixed(failed, len(during), objective, planned, what=what, examples=found.failed, notes=found.notes)
