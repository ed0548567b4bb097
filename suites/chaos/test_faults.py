"""Experiments, each run once: no silent corruption, recovery, and the configured objectives."""

from __future__ import annotations

from harness.chaos import judging
from harness.chaos.abandoned_judging import judge_abandoned
from harness.chaos.drain_judging import judge_drain
from harness.chaos.objective_judging import judge_experiment_objective
from harness.chaos.others_judging import judge_others
from harness.chaos.pulse_judging import judge_pulse
from harness.chaos.recovery_judging import judge_recovery
from harness.chaos.run_experiment import EXPERIMENT
from harness.chaos.shedding_judging import judge_shedding
from harness.chaos.waiting_judging import judge_waiting
from harness.core.experiment import ExperimentPlan
from harness.core.measurement import Scope
from harness.core.objective import Objective
from harness.core.plan import PlannedCheck
from harness.run.gate_run import GateRun
from harness.run.measurements import Measurements
from harness.suite import Verdict, check


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


@check(
    "other clients are served as before while some misbehave",
    per="experiment_of_clients",
    grounds=("experiments", "clients"),
    measures=(EXPERIMENT,),
)
def test_others_served(ai_measure: Measurements, experiment: ExperimentPlan) -> Verdict:
    return judge_others(ai_measure(EXPERIMENT, experiment))


@check(
    "a replica that ends in order loses no answer",
    per="experiment_of_restarts",
    grounds=("experiments", "restarts"),
    measures=(EXPERIMENT,),
)
def test_drains(ai_measure: Measurements, experiment: ExperimentPlan) -> Verdict:
    return judge_drain(ai_measure(EXPERIMENT, experiment))


@check(
    "the service comes back after a pulse, at the load that it carried before",
    per="experiment_of_pulses",
    grounds=("experiments", "pulses"),
    measures=(EXPERIMENT,),
)
def test_survives_pulse(ai_measure: Measurements, experiment: ExperimentPlan) -> Verdict:
    return judge_pulse(ai_measure(EXPERIMENT, experiment))


@check(
    "overload is refused at once, and the queue is bounded",
    level="warn",
    per="experiment_of_overloads",
    grounds=("experiments", "overloads"),
    measures=(EXPERIMENT,),
)
def test_sheds(ai_measure: Measurements, experiment: ExperimentPlan) -> Verdict:
    return judge_shedding(ai_measure(EXPERIMENT, experiment))


@check(
    "a retry waits as long as the refusal asked",
    level="warn",
    per="experiment_of_waits",
    grounds=("experiments", "waits"),
    measures=(EXPERIMENT,),
)
def test_retries_wait(ai_measure: Measurements, experiment: ExperimentPlan) -> Verdict:
    return judge_waiting(ai_measure(EXPERIMENT, experiment))


@check(
    "the work of clients that left ends",
    per="experiment_of_aborts",
    needs=("in_flight_gauge",),
    grounds=("experiments", "aborts"),
    measures=(EXPERIMENT,),
)
def test_abandoned_work_ends(ai_measure: Measurements, experiment: ExperimentPlan) -> Verdict:
    return judge_abandoned(ai_measure(EXPERIMENT, experiment))


@check("objective", per="experiment_objective", grounds=("experiments",), measures=(EXPERIMENT,))
def test_objective(
    ai_measure: Measurements,
    ai_run: GateRun,
    ai_planned: PlannedCheck,
    experiment: ExperimentPlan,
    objective: Objective,
) -> Verdict:
    others = experiment.join_objectives(Scope(ai_run.settings, "chaos").objectives)
    return judge_experiment_objective(ai_measure(EXPERIMENT, experiment), objective, ai_planned, others)
