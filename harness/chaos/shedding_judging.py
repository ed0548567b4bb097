"""Judge how a service deals with more than it can do: it refuses at once what it cannot take, and its queue is bounded.

Tested in tests/chaos/test_shedding_judging.py.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.chaos.judging import judge_validity, weaken_if_stopped
from harness.chaos.others_judging import find_starving_limit
from harness.chaos.recovery_judging import find_yardstick
from harness.chaos.starvation import leave_open_if_starved
from harness.core.experiment import Experiment, Sample, select_samples
from harness.core.verdict import Status, Verdict, make_inconclusive
from harness.stats.beta import binomial_sf
from harness.stats.recovery import RETURN_ALPHA

REFUSALS = (429, 503, 529)
"""The statuses by which a service says that it has too much to do."""

_QUICK, _FEWEST, _FEWEST_REFUSED, _MOST_ASTRAY, _GROWTH = 1.0, 30, 5, 0.1, 1.3
"""Seconds of a refusal that is quick (or as long as an answer that is not slow yet, where that is longer); requests,
and refusals, that a verdict needs; the share of requests that may be lost, or of refusals that may be slow or say
nothing; by how much the wait must grow from one third of the overload to the next to count as growing."""

_METHOD = "refusals and waits of the requests of the steady load, which are open-loop, by thirds of the overload"


@dataclass
class _Outcome:
    """What came of the `n` requests under the overload: those refused, lost, refused late or without a time, and the
    mean `waits` of the others by thirds.
    """

    n: int
    waits: list[float]
    refused: list[Sample] = field(default_factory=list)
    lost: list[Sample] = field(default_factory=list)
    slow: list[Sample] = field(default_factory=list)
    silent: list[Sample] = field(default_factory=list)

    def add(self, sample: Sample, quick: float) -> None:
        """Count one request."""
        if sample.status not in REFUSALS:
            self.lost += [] if sample.is_good else [sample]
            return
        self.refused.append(sample)
        if sample.latency is None or sample.latency > quick:
            self.slow.append(sample)
        if not sample.says_when:
            self.silent.append(sample)

    @property
    def is_growing(self) -> bool:
        """Whether the wait has grown from each third to the next."""
        return bool(self.waits) and self.waits[2] > _GROWTH * self.waits[1] > _GROWTH**2 * self.waits[0]

    def find_problem(self, longest: float) -> str:
        """What is wrong, where a wait over `longest` seconds starves; empty for nothing."""
        if _are_too_many(self.lost, self.n):
            kind, count = Counter(map(_name_end, self.lost)).most_common(1)[0]
            return f"overload is not refused (429 or 503), requests are lost: {count} by {kind}"
        if _are_too_many(self.slow, len(self.refused)):
            return f"overload is refused late: {len(self.slow)} of the refusals"
        if _are_too_many(self.silent, len(self.refused)):
            return f"{len(self.silent)} refusals do not say when to come again (Retry-After)"
        if self.is_growing and self.waits[2] > longest and len(self.refused) <= _MOST_ASTRAY * self.n:
            return "the queue grows as long as the overload lasts"
        return ""

    def find_gap(self) -> str:
        """Why the requests do not tell; empty when they do."""
        if self.n < _FEWEST:
            return "too few requests to tell: give the overload a longer duration"
        if not self.waits:
            return "in a third of the overload no request was taken at all"
        if len(self.refused) < _FEWEST_REFUSED:
            return "the service took nearly all of it: give a larger factor or rate"
        if self.is_growing:
            return "the wait was still growing: give the overload a longer duration"
        return ""


@leave_open_if_starved
def judge_shedding(experiment: Experiment) -> Verdict:
    """What cannot be taken is refused quickly, as overload and with the time to come again; what is taken is not
    waited for longer and longer.

    FAIL: more than a tenth of the requests end otherwise (refuted at 95 %), or of the refusals are slow or do not say
    when; or hardly any is refused, and the wait grows until the end. PASS: some were refused, and the wait has settled.
    """
    if (verdict := judge_validity(experiment)) is not None:
        return verdict
    samples, yardstick = experiment.fault_samples, find_yardstick(experiment)
    outcome, quick = _Outcome(len(samples), _list_waits(experiment)), max(_QUICK, yardstick.slow_over)
    for sample in samples:
        outcome.add(sample, quick)
    shown = ", ".join(map("{:.2f}".format, outcome.waits)) or "-"
    counts = (
        f"of {outcome.n} requests {len(outcome.refused)} were refused ({len(outcome.slow)} of them after over "
        f"{quick:.1f} s) and {len(outcome.lost)} lost; waits by thirds: {shown} s"
    )
    evidence: dict[str, Any] = {"n": outcome.n, "method": _METHOD, "notes": experiment.notes}
    gap = outcome.find_gap()
    if outcome.n >= _FEWEST and (problem := outcome.find_problem(find_starving_limit(yardstick))):
        examples = experiment.failed
        return Verdict(Status.FAIL, f"{problem}: {counts}", counterexamples=examples, **evidence)
    if gap:
        return make_inconclusive(f"{gap}; {counts}", **evidence)
    verdict = Verdict(Status.PASS, f"overload is refused at once: {counts}", **evidence)
    return weaken_if_stopped(experiment, verdict)


def _name_end(sample: Sample) -> str:
    return str(sample.status or sample.error or "a wrong answer")


def _are_too_many(astray: Sequence[Sample], n: int) -> bool:
    return bool(n) and binomial_sf(len(astray), n, _MOST_ASTRAY) <= RETURN_ALPHA


def _list_waits(experiment: Experiment) -> list[float]:
    """The mean wait in each third of the overload, in seconds: by Little's law, from how many requests were waiting.

    Not from the waits of the requests that were due in it: the lift ends those of the last third. Refused requests do
    not count. Empty where in some third nothing was taken.
    """
    applied, lifted = experiment.applied or 0.0, experiment.lifted or 0.0
    third, taken = max((lifted - applied) / 3, 1e-9), [s for s in experiment.samples if s.status not in REFUSALS]
    waits = []
    for start in (applied, applied + third, applied + 2 * third):
        count = len(select_samples(taken, start, start + third))
        if not count:
            return []
        waiting = sum(max(0.0, min(_find_end(s), start + third) - max(s.intended, start)) for s in taken)
        waits.append(waiting / count)
    return waits


def _find_end(sample: Sample) -> float:
    """When it was over; infinite where it never was, as far as we know."""
    if sample.latency is not None:
        return sample.intended + sample.latency
    return math.inf if sample.ended is None else sample.ended
