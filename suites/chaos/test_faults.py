"""One experiment a fault, run once: no silent corruption, recovery, and the configured objectives."""

from __future__ import annotations

import math
import sys

from harness.chaos import judging
from harness.chaos.run_experiment import run_experiment
from harness.core.experiment import Fault
from harness.core.objective import Objective
from harness.core.plan import PlannedCheck
from harness.run.gate_run import GateRun
from harness.run.rate_judging import in_blocks, judge_dependent
from harness.suite import Session, Verdict, check, make_inconclusive


@check("the fault landed and was lifted, and no answer was silently wrong", per="fault", grounds=("faults",))
def test_intact(ai_client: Session, ai_run: GateRun, fault: Fault) -> Verdict:
    return judging.judge_integrity(run_experiment(ai_client, ai_run, fault))


@check("the service recovers after the fault", per="fault", grounds=("faults",), requests=0)
def test_recovers(ai_client: Session, ai_run: GateRun, fault: Fault) -> Verdict:
    return judging.judge_recovery(run_experiment(ai_client, ai_run, fault), ai_client.settings.chaos.recovery)


@check("objective", per="fault_objective", grounds=("faults",), requests=0)
def test_objective(
    ai_client: Session, ai_run: GateRun, ai_planned: PlannedCheck, fault: Fault, objective: Objective
) -> Verdict:
    found = run_experiment(ai_client, ai_run, fault)
    if objective.metric == "recovery":
        return judging.judge_recovery(found, ai_client.settings.chaos.recovery, objective.limit)
    if (verdict := judging.judge_validity(found)) is not None:
        return verdict
    during = found.fault_samples[: ai_planned.cap]
    if len(during) < (ai_planned.cap or 0):
        few = f"{len(during)} of {ai_planned.cap} planned requests were due under the fault and ended"
        return make_inconclusive(few, n=len(during), notes=found.notes)
    limit = objective.limit if objective.metric == "latency" else math.inf
    values = [s.latency if s.is_good and s.latency is not None else math.inf for s in during]
    slow = f" took longer than {limit * 1e3:g} ms or" if objective.metric == "latency" else ""
    what = f"requests under the fault{slow} failed"
    blocks = in_blocks(values, min(limit, sys.float_info.max))
    return judge_dependent(
        blocks, objective, ai_planned, what=what, examples=found.failed or found.corrupted, notes=found.notes
    )
