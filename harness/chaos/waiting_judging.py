"""Judge whether a service that was asked to wait (429 or 503 with Retry-After) waits before it asks again.

Tested in tests/chaos/test_waiting_judging.py.
"""

from __future__ import annotations

from harness.chaos.judging import judge_validity, weaken_if_stopped
from harness.core.experiment import Experiment
from harness.core.verdict import Status, Verdict, make_inconclusive

_FEWEST = 10
"""Requests that must have been refused so: fewer tell too little."""


def judge_waiting(experiment: Experiment) -> Verdict:
    """No attempt at a request came, on the same link, before the time that its refusal stated.

    Attempts are those with the same trace: a service that passes on no traceparent leaves it open.
    """
    if (verdict := judge_validity(experiment)) is not None:
        return verdict
    waits = sum(strike.proof.waits for strike in experiment.strikes)
    early = sum(strike.proof.early for strike in experiment.strikes)
    notes = experiment.notes
    if early:
        reason = (
            f"{early} attempts came before the time that Retry-After had stated for them, and {waits} requests were "
            "refused so"
        )
        examples, method = experiment.failed[:1], "contract"
        return Verdict(Status.FAIL, reason, n=waits, method=method, counterexamples=examples, notes=notes)
    if waits < _FEWEST:
        few = (
            f"{waits} of our requests were refused with a time to wait, as their traces show; at least {_FEWEST} "
            "are needed: give a longer duration, and let the service pass on the header traceparent"
        )
        return make_inconclusive(few, n=waits, notes=notes)
    reason = f"{waits} requests were refused with a time to wait, and none of them was asked again before it"
    return weaken_if_stopped(experiment, Verdict(Status.PASS, reason, n=waits, method="contract", notes=notes))
