"""How many of our own requests a fault has struck: never told from somebody else's traffic. Pure.

Tested in tests/chaos/test_struck.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.core.experiment import Fault, Proof
from harness.core.verdict import ALPHA
from harness.stats.beta import beta_quantile

FEWEST_STRUCK = 10
"""Requests of ours that must have been struck for a fault that shows no effect: fewer tell too little."""


@dataclass(frozen=True, slots=True)
class LinkUse:
    """Whether a link carries our requests: at least the `share` of them. `shown_by`: address, marks or slots; empty
    where nothing shows it. How many of them have been struck is counted where marks show it.
    """

    share: float = 0.0
    shown_by: str = ""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests with our mark that a link carried, and those that were sent, before the fault and under it."""

    marked: int = 0
    sent: int = 0
    marked_under_fault: int = 0
    sent_under_fault: int = 0

    @property
    def least_share(self) -> float:
        """At least this share of our requests goes over the link when nothing is disturbed, at 95 %."""
        marked = min(self.marked, self.sent)
        if not marked:
            return 0.0
        return beta_quantile(ALPHA, marked, self.sent - marked + 1)


def count_struck(fault: Fault, proof: Proof, use: LinkUse, traffic: Traffic) -> int:
    """How many of our requests the fault has struck, or kept away from the link, at least.

    Those with our mark that the proxy counted as struck, and once it has struck some, those that the link would have
    carried without it. Where the proxy cannot count them, the expected number at the least share that the link carries.
    """
    expected = fault.toxicity * max(use.share, traffic.least_share) * traffic.sent_under_fault
    is_counted = proof.ours is not None
    if not is_counted or not (proof.ours or traffic.marked or use.shown_by == "marks"):
        return math.floor(expected)
    if not proof.ours:
        return 0
    return proof.ours + max(0, math.floor(expected) - traffic.marked_under_fault)
