"""Judge whether the other clients were served as before while some misbehaved.

Tested in tests/chaos/test_others_judging.py.
"""

from __future__ import annotations

import math

from harness.chaos.judging import judge_validity, weaken_if_stopped
from harness.chaos.recovery_judging import find_yardstick
from harness.chaos.starvation import leave_open_if_starved
from harness.core.experiment import Experiment
from harness.core.verdict import Status, Verdict
from harness.stats.recovery import Yardstick, decide_recovery

_STARVED_FACTOR, _STARVED_SLACK = 4.0, 0.5
"""A client starves whose answer takes longer than so many times the baseline's p95, and so many seconds more: what the
misbehaving clients ask for by themselves makes a sound service slower, and does not keep it from others."""

_METHOD = (
    "failed and starved requests beside the baseline: Fisher's exact test over stretches, binomial tail for a PASS"
)


def find_starving_limit(yardstick: Yardstick) -> float:
    """The seconds over which a client starves."""
    return _STARVED_FACTOR * yardstick.p95 + _STARVED_SLACK


@leave_open_if_starved
def judge_others(experiment: Experiment) -> Verdict:
    """The steady load is the other clients: under the faults it must neither fail more often than before, nor starve.

    FAIL where some stretch of it holds more such requests than the baseline explains; PASS where it is refuted at 95 %
    that half of the requests in some 2 seconds, or a fifth of all, are such ones, and the faults were long enough.
    """
    if (verdict := judge_validity(experiment)) is not None:
        return verdict
    samples, yardstick = experiment.fault_samples, find_yardstick(experiment)
    most = find_starving_limit(yardstick)
    latencies = [0.0 if sample.judged_latency <= most else math.inf for sample in samples]
    failed = sum(not sample.is_good for sample in samples)
    starved = sum(math.isinf(latency) for latency in latencies) - failed
    decision = decide_recovery(yardstick, latencies)
    counts = (
        f"of {len(samples)} requests of other clients {failed} failed and {starved} took over {most:.1f} s, beside "
        f"{yardstick.failed} of {yardstick.n} failed and a p95 of {yardstick.p95 * 1e3:.0f} ms before "
        f"({experiment.proof.detail})"
    )
    kinds = experiment.plan.describe_faults()
    status, reason = Status.INCONCLUSIVE, f"too few requests under {kinds} to tell: {counts}; give a longer duration"
    if decision.stretch is not None:
        status, reason = Status.FAIL, f"{kinds} keeps the service from others: {counts}"
    elif most > experiment.plan.duration / 2:
        reason = f"{kinds} was too short to starve anybody: {counts}; give a duration of at least {2 * most:.1f} s"
    elif decision.decision == "pass":
        status, reason = Status.PASS, f"others were served under {kinds}: {counts}"
    examples = () if status is Status.PASS else experiment.failed
    verdict = Verdict(status, reason, n=len(samples), method=_METHOD, counterexamples=examples, notes=experiment.notes)
    return weaken_if_stopped(experiment, verdict)
