"""What the faults cost, in figures for the report: when they showed, when they were dealt with, attempts. Pure.

Tested in tests/chaos/test_impact.py.
"""

from __future__ import annotations

from harness.chaos.struck import Traffic
from harness.core.experiment import Experiment, Sample, select_samples
from harness.stats.recovery import Yardstick, estimate_recovery


def describe_impact(experiment: Experiment, yardstick: Yardstick) -> str:
    """When the first request was bad after the first fault, from when on they were good again, and how many were lost.

    A request is bad that failed, or took longer than an answer that counts as slow beside the baseline.
    """
    applied, lifted = experiment.applied, experiment.lifted
    if applied is None or lifted is None:
        return ""
    since = select_samples(experiment.samples, applied, experiment.lowered)
    lost = sum(sample.error is not None for sample in experiment.overtaken_samples)
    begin = f"{lost} requests that were on their way when the fault began failed; " if lost else ""
    bad = [sample for sample in since if sample.judged_latency > yardstick.slow_over]
    if not bad:
        return f"{begin}no request that was due after the begin of the fault was bad: no goodput was lost"
    first = bad[0].intended - applied
    rate = experiment.plan.chaos.rate
    back = estimate_recovery(yardstick, [sample.judged_latency for sample in since])
    mitigated = "they were bad until the end"
    if back < len(since):
        mitigated = f"they were good again {_place(since[back], applied, lifted)}"
    return (
        f"{begin}the first bad request was due {first:.2f} s after the fault began, and {mitigated}; {len(bad)} of "
        f"{len(since)} requests since then were bad: {len(bad) / rate:.2f} s of goodput were lost"
    )


def _place(sample: Sample, applied: float, lifted: float) -> str:
    if sample.intended < lifted:
        return f"{sample.intended - applied:.2f} s after it began, {lifted - sample.intended:.2f} s before the lift"
    return f"{sample.intended - lifted:.2f} s after the lift"


def describe_attempts(link: str, traffic: Traffic, attempts_after: int, sent_after: int) -> str:
    """How many attempts for one request of ours the link carried before, under and after the fault; empty for none.

    More under the fault are retries; none, and again some after the lift, is a breaker that opened and closed.
    """
    if not traffic.marked or not traffic.sent or not traffic.sent_under_fault:
        return ""
    before, under = traffic.marked / traffic.sent, traffic.marked_under_fault / traffic.sent_under_fault
    line = f"link {link} carried {before:.2f} attempts for each of our requests before the fault, {under:.2f} under it"
    if sent_after:
        line += f", {attempts_after / sent_after:.2f} after the lift"
    if under > before:
        line += f": {under / before:.2f} times as many"
    return line
