"""Judge an objective by the requests that were due under the faults, or after them: latency, error rate, goodput.

Goodput is a share of the baseline's.

Tested in tests/chaos/test_objective_judging.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from harness.chaos.attempts_judging import judge_attempts
from harness.chaos.judging import judge_validity, weaken_if_stopped
from harness.chaos.recovery_judging import find_yardstick, judge_recovery, select_baseline
from harness.chaos.starvation import leave_open_if_starved
from harness.core.experiment import Experiment, Sample, select_samples
from harness.core.metric import ATTEMPTS, GOODPUT, INTERNAL_ERROR_RATE, LATENCY, RECOVERY
from harness.core.objective import Objective
from harness.core.plan import PlannedCheck
from harness.core.verdict import ALPHA, Status, Verdict, make_inconclusive
from harness.run.rate_judging import judge_dependent_samples, split_into_blocks
from harness.stats.beta import beta_quantile

_INTERNAL_ERROR = 500


@leave_open_if_starved
def judge_experiment_objective(
    experiment: Experiment, objective: Objective, check: PlannedCheck, others: Sequence[Objective] = ()
) -> Verdict:
    """The verdict on an objective of an experiment; `others` are all of its objectives.

    A request is good for the goodput if it succeeded within the smallest latency that the objectives allow, else within
    the latency over which an answer counts as slow beside the baseline.
    """
    if objective.metric == RECOVERY.name:
        return judge_recovery(experiment, objective.limit)
    if objective.metric == ATTEMPTS.name:
        return judge_attempts(experiment, objective)
    if (verdict := judge_validity(experiment)) is not None:
        return verdict
    planned = check.cap or 0
    samples = _select_phase(experiment, objective)[: check.cap]
    if not (experiment.stopped and not objective.after) and len(samples) < planned:
        few = f"{len(samples)} of {planned} planned requests were due {_name_phase(objective)} and ended"
        return make_inconclusive(few, n=len(samples), notes=experiment.notes)
    limit = _choose_limit(experiment, objective, others)
    verdict = _judge(experiment, objective, check, samples, limit)
    if objective.metric == GOODPUT.name and verdict.status is Status.FAIL:
        verdict = _spare_baseline(experiment, objective, check, samples, limit, verdict)
    return weaken_if_stopped(experiment, verdict)


def _name_phase(objective: Objective) -> str:
    return "after the lift" if objective.after else "under the fault"


def _select_phase(experiment: Experiment, objective: Objective) -> list[Sample]:
    """The requests that the objective is about."""
    lifted = experiment.lifted
    if not objective.after:
        return experiment.fault_samples
    if lifted is None:
        return []
    chaos = experiment.plan.chaos  # a gap more than the time itself: the planned number of requests falls into it
    return select_samples(experiment.samples, lifted, lifted + chaos.recovery + 1 / chaos.rate)


def _choose_limit(experiment: Experiment, objective: Objective, others: Sequence[Objective]) -> float:
    """The seconds within which a request must succeed; inf where only its success counts."""
    if objective.metric == LATENCY.name:
        return objective.limit
    if objective.metric != GOODPUT.name:
        return math.inf
    limits = [other.limit for other in others if other.metric == LATENCY.name]
    return min(limits, default=find_yardstick(experiment).slow_over)


def _judge(
    experiment: Experiment, objective: Objective, check: PlannedCheck, samples: Sequence[Sample], limit: float
) -> Verdict:
    slow, over = "", 0.0
    values = [0.0 if sample.is_good else math.inf for sample in samples]
    if objective.metric == INTERNAL_ERROR_RATE.name:
        values = [math.inf if sample.status == _INTERNAL_ERROR else 0.0 for sample in samples]
    if limit < math.inf:
        slow, over = f" took longer than {limit * 1e3:.4g} ms or", limit
        values = [sample.judged_latency for sample in samples]
    # After a stop the rest of the planned requests counts as good: a FAIL then stands whatever they would have shown.
    values += [0.0] * ((check.cap or 0) - len(values))
    seconds = experiment.plan.chaos.recovery if objective.after else experiment.plan.duration
    blocks = split_into_blocks(values, over, seconds, objective.quantile or 1.0)
    examples = experiment.failed or experiment.corrupted
    what = f"requests {_name_phase(objective)}{slow} failed"
    if objective.metric == INTERNAL_ERROR_RATE.name:
        what = f"requests {_name_phase(objective)} were answered with status 500"
    return judge_dependent_samples(blocks, objective, check, what=what, examples=examples, notes=experiment.notes)


def _spare_baseline(
    experiment: Experiment,
    objective: Objective,
    check: PlannedCheck,
    samples: Sequence[Sample],
    limit: float,
    verdict: Verdict,
) -> Verdict:
    """The FAIL, if the goodput is under its limit times that of the baseline, too, which may be as low as its bound."""
    baseline = select_baseline(experiment.samples, experiment.began, experiment.plan.chaos)
    good = sum(sample.judged_latency <= limit for sample in baseline)
    share = 1.0
    if good < len(baseline):
        share = beta_quantile(ALPHA, good, len(baseline) - good + 1) if good else 0.0
    budget = 1 - objective.limit * share
    points = objective.loosened - objective.budget
    scaled = replace(objective, budget=budget, loosened=min(1.0, budget + points))
    if share >= 1 or _judge(experiment, scaled, check, samples, limit).status is Status.FAIL:
        return verdict
    reason = (
        f"{verdict.reason}; but of the {len(baseline)} requests of the baseline {len(baseline) - good} were no better, "
        f"and {objective.limit:.0%} of its goodput is not refuted: a longer baseline would tell more"
    )
    return replace(verdict, status=Status.INCONCLUSIVE, reason=reason)
