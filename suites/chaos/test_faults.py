"""One experiment a fault, run once: no silent corruption, recovery, and the configured objectives."""

from __future__ import annotations

import math

from harness.chaos import judging
from harness.chaos.recovery_judging import judge_recovery
from harness.chaos.run_experiment import EXPERIMENT
from harness.core.experiment import Fault
from harness.core.objective import Objective
from harness.core.plan import PlannedCheck
from harness.run.gate_run import GateRun
from harness.run.measurements import Measurements
from harness.run.rate_judging import judge_dependent_samples, split_into_blocks
from harness.suite import Verdict, check, make_inconclusive


@check(
    "the fault landed and was lifted, and no answer was silently wrong",
    per="fault",
    grounds=("faults",),
    measures=(EXPERIMENT,),
)
def test_intact(ai_measure: Measurements, fault: Fault) -> Verdict:
    return judging.judge_integrity(ai_measure(EXPERIMENT, fault))


@check("the service recovers after the fault", per="fault", grounds=("faults",), measures=(EXPERIMENT,))
def test_recovers(ai_measure: Measurements, ai_run: GateRun, fault: Fault) -> Verdict:
    return judge_recovery(ai_measure(EXPERIMENT, fault), ai_run.settings.chaos)


@check("objective", per="fault_objective", grounds=("faults",), measures=(EXPERIMENT,))
def test_objective(
    ai_measure: Measurements, ai_run: GateRun, ai_planned: PlannedCheck, fault: Fault, objective: Objective
) -> Verdict:
    experiment = ai_measure(EXPERIMENT, fault)
    if objective.metric == "recovery":
        return judge_recovery(experiment, ai_run.settings.chaos, objective.limit)
    if (verdict := judging.judge_validity(experiment)) is not None:
        return verdict
    samples = experiment.fault_samples[: ai_planned.cap]
    if len(samples) < (ai_planned.cap or 0):
        few = f"{len(samples)} of {ai_planned.cap} planned requests were due under the fault and ended"
        return make_inconclusive(few, n=len(samples), notes=experiment.notes)
    slow, limit = "", 0.0
    values = [0.0 if s.is_good else math.inf for s in samples]
    if objective.metric == "latency":
        slow, limit = f" took longer than {objective.limit * 1e3:g} ms or", objective.limit
        values = [s.judged_latency for s in samples]
    blocks = split_into_blocks(values, limit, fault.duration, objective.quantile or 1.0)
    examples = experiment.failed or experiment.corrupted
    what = f"requests under the fault{slow} failed"
    return judge_dependent_samples(blocks, objective, ai_planned, what=what, examples=examples, notes=experiment.notes)
