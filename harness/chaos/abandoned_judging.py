"""Judge whether the work of clients that left has ended with them: by what the service states to be in flight.

Tested in tests/chaos/test_abandoned_judging.py.
"""

from __future__ import annotations

from harness.chaos.judging import judge_validity, weaken_if_stopped
from harness.core.experiment import Experiment
from harness.core.verdict import Status, Verdict, make_inconclusive
from harness.io.clock import read_monotonic, sleep_real
from harness.run.gauges import read_in_flight
from harness.run.session import Session

_PATIENCE, _LOOK, _FEWEST_LEFT, _NOISE = 10.0, 0.25, 10, 2
"""Seconds that requests may take to end once the load is over, and between two looks; clients that must have left;
requests more than before that may be somebody else's."""


def await_idle(session: Session, before: float) -> float | None:
    """The requests in flight once the load is over: as few as before, or the fewest within some seconds; None: unknown.

    The service is asked as a client asks, which is no request of the load.
    """
    ends, fewest = read_monotonic() + _PATIENCE, None
    while read_monotonic() < ends:
        now = read_in_flight(session.client, session.settings.load)
        if now is not None:
            fewest = now if fewest is None else min(fewest, now)
            if fewest <= before:
                break
        sleep_real(_LOOK)
    return fewest


def judge_abandoned(experiment: Experiment) -> Verdict:
    """Once the load is over, no more requests are in flight than before it, though clients left in their middle."""
    if (verdict := judge_validity(experiment)) is not None:
        return verdict
    left, notes = experiment.proof.affected or 0, experiment.notes
    if experiment.in_flight is None:
        return make_inconclusive("the service did not state how many requests are in flight", n=left, notes=notes)
    before, after = experiment.in_flight
    counts = f"{after:g} requests in flight when the load was over, {before:g} before it, and {left} clients left"
    if left < _FEWEST_LEFT:
        return make_inconclusive(f"fewer than {_FEWEST_LEFT} clients left: {counts}", n=left, notes=notes)
    status, reason = Status.PASS, "the work of clients that left has ended"
    if after > before + _NOISE:
        status, reason = Status.FAIL, "the work of clients that left goes on, or keeps its place"
    elif after > before:
        return make_inconclusive(f"others may be asking, too: {counts}; a longer storm would tell", n=left, notes=notes)
    verdict = Verdict(status, f"{reason}: {counts}", n=left, method="gauge of requests in flight", notes=notes)
    return weaken_if_stopped(experiment, verdict)
