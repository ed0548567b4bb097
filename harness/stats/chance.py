"""Whether chance explains what a model says: it may err in any answer, and a healthy service is not failed for that.

Tested in tests/stats/test_chance.py.
"""

from __future__ import annotations

from math import ceil, comb, log

FALSE_ALARM = 0.001
"""How often a check may fail a healthy service whose model errs by chance, at the rate at which it is failed most."""


def count_telling_pairs(suspects: int = 1) -> int:
    """How many pairs of a case and its control must all show an error of the case alone, where any of so many may.

    Case and control err independently with one probability p, which is not known. A pair shows that with probability
    p(1 - p), at most 1/4, so that n pairs in a row do so for one of the suspects at most `suspects` / 4^n times.
    """
    return ceil(log(suspects / FALSE_ALARM, 4))


def compute_later_chance(alone: int, of_alone: int, beside: int, of_beside: int) -> float:
    """The probability of at least `beside` of all `alone + beside` errors among the later ones, if chance placed them.

    Fisher's exact test, one-sided. The answers that are counted must not have been chosen by whether they err.
    """
    events, trials = alone + beside, of_alone + of_beside
    most = min(events, of_beside)
    ways = sum(comb(of_beside, count) * comb(of_alone, events - count) for count in range(beside, most + 1))
    return ways / comb(trials, events)
