"""The configured objectives of this suite, each sampled until its sequential test ends."""

from __future__ import annotations

from harness.core.objective import Objective
from harness.core.plan import PlannedCheck
from harness.run.gate_run import GateRun
from harness.run.kept_samples import KeptSamples, save_samples
from harness.run.objective import judge_objective
from harness.suite import Session, Verdict, check


@check("objective", per="objective", tokens=16)
def test_objective(ai_client: Session, ai_run: GateRun, ai_planned: PlannedCheck, objective: Objective) -> Verdict:
    baseline = ai_run.get_baseline_session(ai_planned.suite)
    saved = KeptSamples(ai_planned.id, ai_planned.suite, objective.metric, objective.text)
    verdict = judge_objective(ai_client, objective, ai_planned, baseline, ai_run.progress, saved)
    with ai_run.log.keep_loss():
        save_samples(saved, ai_run.run_dir)
    return verdict
