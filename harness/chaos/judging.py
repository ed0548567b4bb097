"""Judge a chaos experiment: every declared success was right, and the fault landed in a steady state."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from harness.chaos.starvation import spare_starved
from harness.chaos.struck import FEWEST_STRUCK
from harness.chaos.wholeness import LOSS_ALPHA, describe_whole, explain_unshown, find_loss
from harness.core.errors import ErrorClass
from harness.core.experiment import Experiment, Sample, compute_p95
from harness.core.objective import Objective
from harness.core.verdict import Status, Verdict, make_error, make_inconclusive
from harness.stats.beta import binomial_sf
from harness.stats.recovery import RETURN_ALPHA, Yardstick, shows_effect

_MOST_LAG, _MOST_UNSENT, _MOST_BASELINE_FAILURES, _FEWEST_REQUESTS = 0.1, 0.05, 0.05, 5
"""Seconds of send lag at p95, and the share of requests not sent, above which the harness, not the service, shaped the
result; the share of failed requests above which a baseline is not a steady state, whatever is promised; and the fewest
requests of a baseline."""


def explain_unsteady_baseline(baseline: Sequence[Sample], objectives: Sequence[Objective]) -> str:
    """Why the baseline is not a steady state, or an empty string.

    It may fail no more often than the objectives promise for the time of a fault: chance failures do not refute that.
    Requests that the harness could not carry out are left out; `judge_validity` makes them an ERROR.
    """
    baseline = [sample for sample in baseline if sample.error != ErrorClass.HARNESS]
    n = len(baseline)
    if n < _FEWEST_REQUESTS:
        return f"no steady state: {n} requests are too few for a baseline; make [chaos] baseline or rate larger"
    most = min([_MOST_BASELINE_FAILURES, *(o.budget for o in objectives if o.metric == "error_rate")])
    failures = sum(not sample.is_good for sample in baseline)
    if binomial_sf(failures, n, most) > RETURN_ALPHA:
        return ""
    return f"no steady state: {failures} of {n} baseline requests failed before any fault was applied"


def explain_invisible_fault(
    experiment: Experiment, yardstick: Yardstick, *, is_own_proxy: bool, is_counted: bool = False
) -> str:
    """Why a fault has perhaps struck others alone, or too few of our requests; empty when our answers show it.

    `is_counted`: the marks of our requests are seen on the link, so that those that were struck are counted.
    `is_own_proxy`: the link's counters were compared with our own requests, and did not follow them.
    """
    latencies = [sample.judged_latency for sample in spare_starved(experiment).fault_samples]
    if is_counted or is_own_proxy:
        # Few were struck, or nothing on the link follows our requests: answers that are a little slower, as on a busy
        # machine, do not show the opposite. Failures do, and where ours are not counted, answers that are slow.
        least = math.inf if is_counted else yardstick.slow_over
        latencies = [latency if latency >= least else 0.0 for latency in latencies]
    if shows_effect(yardstick, latencies):
        return ""
    if experiment.struck:
        seconds = experiment.plan.duration * FEWEST_STRUCK / experiment.struck
        return (
            f"the fault struck {experiment.struck} of our requests ({experiment.proof.detail}), and no more requests "
            f"failed or became slower: at least {FEWEST_STRUCK} must be struck, which takes about {seconds:.3g} s: "
            "give the fault a longer duration, or a higher [chaos] rate"
        )
    if replicas := [fault.platform for fault in experiment.plan.faults if fault.platform]:
        return (
            f"{experiment.proof.detail}, but no more requests failed or became slower: whether the replica answers our "
            f"requests is not known; write the share that it answers, like [platform.{replicas[0]}] serves = 0.5"
        )
    effect = f"the link was disturbed ({experiment.proof.detail}), but no more requests failed or became slower"
    if is_own_proxy:
        return (
            f"{effect}, and the bytes on the link did not follow our requests: the fault may have struck others alone; "
            "route the endpoint through this link, or put the fault on a link that the endpoint uses"
        )
    return (
        f"{effect}: a plain Toxiproxy does not report whether the service uses the link; the harness's own fault "
        "proxy (aiharness proxy) counts what it carries"
    )


def describe_unsent(unsent: int, n: int) -> str:
    """How many requests are missing beside the `n` samples, and why."""
    return f"{unsent} of {n + unsent} requests were not sent within the connect deadline, as this machine was too busy"


def judge_validity(experiment: Experiment) -> Verdict | None:
    """The ERROR or INCONCLUSIVE of an experiment that cannot be judged; None when it can."""
    n, evidence = len(experiment.samples), {"notes": experiment.notes, "n": len(experiment.samples)}
    if experiment.broken:
        return make_error(experiment.broken, **evidence)
    if harness_errors := sum(sample.error == ErrorClass.HARNESS for sample in experiment.samples):
        examples = "".join(f" ({example.summary})" for example in experiment.failed[:1])
        return make_error(f"the harness broke in {harness_errors} of {n} requests{examples}", **evidence)
    if experiment.unsent > _MOST_UNSENT * (n + experiment.unsent):
        return make_inconclusive(f"bound by the client: {describe_unsent(experiment.unsent, n)}", **evidence)
    if experiment.undecided:
        return make_inconclusive(experiment.undecided, **evidence)
    phases = [phase for phase in (experiment.samples, experiment.fault_samples) if phase]
    lag = max((compute_p95(sample.lag for sample in phase) for phase in phases), default=0.0)
    if lag > _MOST_LAG:
        return make_inconclusive(f"bound by the client: requests were sent {lag:.2f} s late at p95", **evidence)
    if experiment.proof.confirmed == "none":
        why = f"stopped ({experiment.stopped}) before it was seen" if experiment.stopped else experiment.proof.detail
        return make_inconclusive(f"the fault did not land: {why}", **evidence)
    if not experiment.fault_samples:
        return make_inconclusive("no request was sent during the fault: its effect was not measured", **evidence)
    return None


def weaken_if_stopped(experiment: Experiment, verdict: Verdict) -> Verdict:
    """A PASS of an experiment whose faults were ended before their time is INCONCLUSIVE; a FAIL stands."""
    if not experiment.stopped or verdict.status is not Status.PASS:
        return verdict
    return replace(
        verdict, status=Status.INCONCLUSIVE, reason=f"stopped: {experiment.stopped}; before, {verdict.reason}"
    )


def judge_integrity(experiment: Experiment) -> Verdict:
    """No silent corruption in any phase, and a fault that landed and was lifted. A wrong answer FAILs in any case."""
    wrong = [sample for sample in experiment.samples if sample.silent]
    n, under_fault = len(experiment.samples), experiment.fault_samples
    if wrong:
        wrong_under_fault = sum(sample.silent != "" for sample in under_fault)
        # A whole answer shows more of what went wrong than a stream that failed on the way.
        shown = next((sample for sample in wrong if sample.error is None), wrong[0])
        reason = (
            f"{len(wrong)} of {n} answers, {wrong_under_fault} of them to requests under the fault, were wrong: "
            f"{shown.silent}"
        )
        examples = experiment.corrupted
        return Verdict(Status.FAIL, reason, n=n, method="contract", counterexamples=examples, notes=experiment.notes)
    if not experiment.broken and (loss := find_loss(experiment)):
        reason = f"{loss}: answers were declared a success that are not whole (error rate {LOSS_ALPHA:.0%})"
        examples, method = experiment.shortest, "contract"
        return Verdict(Status.FAIL, reason, n=n, method=method, counterexamples=examples, notes=experiment.notes)
    if (verdict := judge_validity(experiment)) is not None:
        return verdict
    if unshown := explain_unshown(experiment):
        return make_inconclusive(unshown, n=n, notes=experiment.notes)
    failures = sum(not sample.is_good for sample in under_fault)
    reason = (
        f"{experiment.plan.describe_faults()} landed ({experiment.proof.detail}) and was lifted; {failures} of "
        f"{len(under_fault)} requests under it failed visibly, and none of all {n} was a wrong answer "
        "declared a success"
    )
    # Few inputs, repeated: no rate over inputs is excluded (DESIGN 6.2).
    notes = (*experiment.notes, describe_whole(experiment))
    return weaken_if_stopped(experiment, Verdict(Status.PASS, reason, n=n, method="contract", notes=notes))
