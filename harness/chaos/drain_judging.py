"""Judge a rolling restart: a replica that is asked to end finishes what it has begun, and others take what is new.

Tested in tests/chaos/test_drain_judging.py.
"""

from __future__ import annotations

from functools import partial

from harness.chaos.judging import judge_validity, weaken_if_stopped
from harness.chaos.starvation import TIMEOUTS, leave_open_if_starved
from harness.core.experiment import Experiment, Sample, Strike
from harness.core.verdict import Status, Verdict, make_inconclusive

_FEWEST_BEGUN = 5
"""Answers that must have been on their way when replicas were asked to end: fewer tell too little."""


@partial(leave_open_if_starved, errors=TIMEOUTS)
def judge_drain(experiment: Experiment) -> Verdict:
    """No answer that was begun before the signal is lost, no request after it fails, and each process ends in time.

    The budget is 0 for both: nothing broke, somebody asked for a restart. How many answers were on their way at the
    signals is stated; a PASS with fewer than 5 is INCONCLUSIVE.
    """
    invalid = judge_validity(experiment)
    if invalid is not None and invalid.status is Status.ERROR:
        return invalid
    times = [sample.latency for sample in experiment.samples if sample.is_good and sample.latency is not None]
    reach = 2 * max(times, default=0.0) + 1
    begun = [sample for sample in experiment.samples if _is_begun(sample, experiment.strikes, reach)]
    lost = [sample for sample in begun if not sample.is_good]
    new = [sample for sample in experiment.fault_samples if sample not in begun]
    refused = [sample for sample in new if not sample.is_good]
    late = [strike.fault.name for strike in experiment.strikes if strike.proof.exit == "late"]
    n, kinds = len(begun) + len(new), experiment.plan.describe_faults()
    counts = (
        f"{len(lost)} of {len(begun)} answers that were on their way at the signals were lost, and {len(refused)} of "
        f"{len(new)} requests after them failed ({experiment.proof.detail})"
    )
    if late:
        counts += f"; a process did not end before the lift: {', '.join(late)}"
    if experiment.strikes and (lost or refused or late):
        reason, examples = f"{kinds}: {counts}", (experiment.failed or experiment.corrupted)
        return Verdict(Status.FAIL, reason, n=n, method="contract", counterexamples=examples, notes=experiment.notes)
    if invalid is not None:
        return invalid
    if len(begun) < _FEWEST_BEGUN:
        few = f"{kinds}: {counts}; at least {_FEWEST_BEGUN} must be on their way: give a higher [chaos] rate"
        return make_inconclusive(few, n=n, notes=experiment.notes)
    verdict = Verdict(Status.PASS, f"{kinds}: {counts}", n=n, method="contract", notes=experiment.notes)
    return weaken_if_stopped(experiment, verdict)


def _is_begun(sample: Sample, strikes: tuple[Strike, ...], reach: float) -> bool:
    """Whether a request was sent before one of the signals, and its answer ended after it.

    One without an end, too, if it was sent no more than `reach` seconds before: longer than any answer took.
    """
    sent = sample.intended + sample.lag
    for strike in strikes:
        if strike.applied is None or sent > strike.applied:
            continue
        if sample.latency is None and sent > strike.applied - reach:
            return True
        if sample.latency is not None and sample.intended + sample.latency > strike.applied:
            return True
    return False
