"""Judge how many attempts the links carried for each of our requests under the faults: retries multiply an overload.

Tested in tests/chaos/test_attempts_judging.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.chaos.judging import judge_validity, weaken_if_stopped
from harness.chaos.struck import Traffic
from harness.core.experiment import Experiment
from harness.core.metric import ATTEMPTS
from harness.core.objective import Objective
from harness.core.verdict import Status, Verdict, make_inconclusive

_DEVIATIONS = 3.0
"""Standard deviations of a count that a verdict leaves open on either side of its limit."""
_CARRIED = 0.9
"""The share of our requests that the links must have carried before the faults: retries elsewhere are not seen."""
_METHOD = "attempts with our mark that the links carried, as a count with Poisson's deviation"


def count_attempts(links: Sequence[tuple[Traffic, tuple[int, int], tuple[int, int]]]) -> tuple[int, int] | None:
    """The attempts of our requests that the links carried under the faults, and the requests sent in that time.

    Each link behind the service has its traffic before the faults, and its requests of ours with those that were sent
    until the begin and until the end of the faults. None where they did not carry all of our requests before.
    """
    sent_before = max((traffic.sent for traffic, _, _ in links), default=0)
    if not sent_before or sum(traffic.marked for traffic, _, _ in links) < _CARRIED * sent_before:
        return None
    carried = sum(lifted[0] - begun[0] for _, begun, lifted in links)
    return carried, max(lifted[1] - begun[1] for _, begun, lifted in links)


def judge_attempts(experiment: Experiment, objective: Objective) -> Verdict:
    """At most so many attempts for each request that was sent under the faults, over all links of the experiment.

    A count is certain only up to the requests that were under way when the faults began and ended, and to how they
    came: three deviations on either side of the limit are INCONCLUSIVE.
    """
    if (verdict := judge_validity(experiment)) is not None:
        return verdict
    if experiment.attempts is None or not experiment.attempts[1]:
        unknown = (
            "attempts cannot be counted: the links behind the service did not carry all of our requests before the "
            "faults, as far as our marks show; put every link to a replica into the experiment, with aiharness proxy "
            "on it, and let the service pass on the header traceparent, or the prompt"
        )
        return make_inconclusive(unknown, n=len(experiment.samples), notes=experiment.notes)
    count, sent = experiment.attempts
    most = objective.limit * sent
    status = Status.PASS
    if count + _DEVIATIONS * math.sqrt(count) > most:
        status = Status.INCONCLUSIVE
    if count - _DEVIATIONS * math.sqrt(most) > most:
        status = Status.FAIL
    reason = f"the links carried {count} attempts for {sent} requests under the faults: {count / sent:.2f} for each"
    if status is Status.INCONCLUSIVE:
        reason += f", which is too near to {objective.limit:g} for so few; give the faults a longer duration"
    verdict = Verdict(
        status,
        reason,
        metric=ATTEMPTS.name,
        unit=ATTEMPTS.unit,
        direction="<=",
        estimate=count / sent,
        method=_METHOD,
        n=sent,
        limit=objective.limit,
        counterexamples=experiment.failed[:1] if status is Status.FAIL else (),
        notes=experiment.notes,
    )
    return weaken_if_stopped(experiment, verdict)
