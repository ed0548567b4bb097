"""Experiments, each run once: no silent corruption, recovery, and the configured objectives."""

from __future__ import annotations

import math

from harness.chaos import judging
from harness.chaos.recovery_judging import judge_recovery
from harness.chaos.run_experiment import EXPERIMENT
from harness.core.experiment import ExperimentPlan
from harness.core.objective import Objective
from harness.core.plan import PlannedCheck
from harness.run.measurements import Measurements
from harness.run.rate_judging import judge_dependent_samples, split_into_blocks
from harness.suite import Verdict, check, make_inconclusive


@check(
    "the fault landed and was lifted, and no answer was silently wrong",
    per="experiment",
    grounds=("experiments",),
    measures=(EXPERIMENT,),
)
def test_intact(ai_measure: Measurements, experiment: ExperimentPlan) -> Verdict:
    return judging.judge_integrity(ai_measure(EXPERIMENT, experiment))


@check("the service recovers after the fault", per="experiment", grounds=("experiments",), measures=(EXPERIMENT,))
def test_recovers(ai_measure: Measurements, experiment: ExperimentPlan) -> Verdict:
    return judge_recovery(ai_measure(EXPERIMENT, experiment))


@check("objective", per="experiment_objective", grounds=("experiments",), measures=(EXPERIMENT,))
def test_objective(
    ai_measure: Measurements, ai_planned: PlannedCheck, experiment: ExperimentPlan, objective: Objective
) -> Verdict:
    measured = ai_measure(EXPERIMENT, experiment)
    if objective.metric == "recovery":
        return judge_recovery(measured, objective.limit)
    if (verdict := judging.judge_validity(measured)) is not None:
        return verdict
    samples = measured.fault_samples[: ai_planned.cap]
    if not measured.stopped and len(samples) < (ai_planned.cap or 0):
        few = f"{len(samples)} of {ai_planned.cap} planned requests were due under the fault and ended"
        return make_inconclusive(few, n=len(samples), notes=measured.notes)
    slow, limit = "", 0.0
    values = [0.0 if s.is_good else math.inf for s in samples]
    if objective.metric == "latency":
        slow, limit = f" took longer than {objective.limit * 1e3:g} ms or", objective.limit
        values = [s.judged_latency for s in samples]
    # After a stop the rest of the planned requests counts as good: a FAIL then stands whatever they would have shown.
    values += [0.0] * ((ai_planned.cap or 0) - len(values))
    blocks = split_into_blocks(values, limit, experiment.duration, objective.quantile or 1.0)
    examples = measured.failed or measured.corrupted
    what = f"requests under the fault{slow} failed"
    verdict = judge_dependent_samples(blocks, objective, ai_planned, what=what, examples=examples, notes=measured.notes)
    return judging.weaken_if_stopped(measured, verdict)
