"""Search for the capacity of a service: an interval of rates, with one error for the whole search.

The capacity of a service for one objective is the largest rate up to which the long-run share of requests over the
limit is within the budget, when requests arrive at that rate, whatever becomes of earlier ones (open loop); for several
objectives it is the smallest of theirs. This assumes that the share does not fall as the rate grows (monotonicity).

A probe is a load at one rate, which starts with a drained queue. Judged at alpha over the number of probes
that the search may make, it PASSes (the share is within the budget), FAILs (it is not), or is undecided. The bound of
Bonferroni holds for probes whose rates depend on earlier outcomes, because each probe is a fresh sample: a rate at or
under the capacity FAILs, or one over it PASSes, with probability alpha / probes at most. So with probability 1 - alpha
the capacity is at least `low`, the largest rate that passed, and less than `high`, the smallest that failed.
`benchmarks/capacity_errors.py` simulates the coverage on queues of known capacity.

A queue that only grows is one long episode, and no number of its requests decides by itself. So an undecided probe with
a large share over the limit is repeated from a drained queue. At or under the capacity the share of each repeat has an
expectation of the budget at most (a queue that begins empty is no longer than in the long run), whatever its requests
owe to one another; share / budget is then an e-value, repeats are independent, and their product is 1 / alpha or more
with probability alpha at most (Ville's inequality).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Literal

from harness.stats.intervals import clopper_pearson_upper

ProbeOutcome = Literal["pass", "fail", "inconclusive"]

WIDTH = 1.1
"""The ratio of the ends of an interval below which a search has nothing more to look for."""

MOST_PROBES = 12
"""The probes of a search if nothing else is asked: ten for a capacity within a factor of 50 of the first rate."""

MOST_REPEATS = 3
"""The loads of one probe: as many drained queues must grow again."""

_REPEATS_PART = 3 / 4
"""The part of a probe's alpha of FAIL that its repeats get; the first load alone is judged at the rest."""

_HEALTHY = 1 / 3
"""The share of the budget that is over the limit in a probe for which `compute_probe_length` finds the length."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """With `confidence` the capacity is at least `low` and less than `high` requests/s.

    `low` is 0 where no rate passed, `high` infinite where none failed.
    """

    low: float
    high: float
    confidence: float

    @property
    def is_narrow(self) -> bool:
        """Whether the ends differ by `WIDTH` at most."""
        return self.low > 0 and self.high / self.low <= WIDTH * (1 + 1e-9)


class CapacitySearch:
    """Doubles (or halves) the rate until one passed and one failed, then halves the interval in the log of the rate.

    Ask `next_rate`, make the probe, `add` its outcome, until `next_rate` is None. An undecided probe narrows nothing:
    the search goes on between it and the ends, on both sides, so that a rate that cannot be decided costs width and
    never truth. `highest` is the largest rate that may be asked; `forbid_above` lowers it.
    """

    def __init__(self, first: float, *, highest: float = math.inf, probes: int = MOST_PROBES, alpha: float = 0.05):
        """Raises `ValueError` unless 0 < first <= highest, 1 <= probes and 0 < alpha <= 0.5."""
        if not (0 < first <= highest and first < math.inf):
            raise ValueError(f"the first rate {first!r} must be over 0 and at most the highest, {highest!r}")
        if probes < 1 or not 0 < alpha <= 0.5:
            raise ValueError(f"{probes!r} probes at alpha {alpha!r}: at least 1 probe and an alpha in (0, 0.5]")
        self.alpha, self.probes = alpha, probes
        self._first, self._highest = first, highest
        self._low, self._high = 0.0, math.inf
        self._undecided: list[float] = []
        self._count = 0

    @property
    def probe_alpha(self) -> float:
        """The alpha of one probe, for PASS and for FAIL; several objectives share that of FAIL."""
        return self.alpha / self.probes

    @property
    def capacity(self) -> Capacity:
        """The interval so far, with the confidence of the whole search."""
        return Capacity(self._low, self._high, 1 - self.alpha)

    @property
    def next_rate(self) -> float | None:
        """The rate of the next probe in requests/s; None when the interval is narrow enough or nothing may be asked."""
        if self._count >= self.probes or self.capacity.is_narrow:
            return None
        asked = [rate for rate in (self._low, *self._undecided, self._high) if 0 < rate < math.inf]
        if not asked:
            return self._first
        if self._high == math.inf and asked[-1] < self._highest:
            return min(2 * asked[-1], self._highest)
        if self._low == 0:
            return asked[0] / 2
        gaps = [pair for pair in itertools.pairwise(asked) if self._is_end(pair)]
        below, above = max(gaps, key=lambda pair: pair[1] / pair[0], default=(1.0, 1.0))
        if above / below <= math.sqrt(WIDTH):
            return None
        return math.sqrt(below * above)

    def add(self, rate: float, outcome: ProbeOutcome) -> None:
        """Add the outcome of a probe at this rate. Raises `ValueError` for a rate outside the open interval."""
        if not self._low < rate < self._high:
            raise ValueError(f"rate {rate!r} is not between {self._low!r} and {self._high!r}")
        self._count += 1
        if outcome == "pass":
            self._low = rate
        elif outcome == "fail":
            self._high = rate
        else:
            self._undecided.append(rate)
        self._undecided = sorted(value for value in self._undecided if self._low < value < self._high)

    def forbid_above(self, rate: float) -> None:
        """Ask for no rate over this one any more: whoever sends the requests cannot."""
        self._highest = min(self._highest, rate)

    def _is_end(self, pair: tuple[float, float]) -> bool:
        """Whether this gap between rates asked touches the interval's end: what lies inside is undecided on both."""
        return pair[0] == self._low or pair[1] == self._high


class OverloadTest:
    """Whether a share over the limit is refuted by loads of one rate that each begin with a drained queue.

    `alpha` is what the probe may spend on FAIL: `first_alpha` of it is left to judge the first load by itself.
    """

    def __init__(self, budget: float, alpha: float):
        """Raises `ValueError` unless budget and alpha lie in (0, 1)."""
        if not (0 < budget < 1 and 0 < alpha < 1):
            raise ValueError(f"budget {budget!r} and alpha {alpha!r} must lie in (0, 1)")
        self.first_alpha = alpha * (1 - _REPEATS_PART)
        self._budget, self._least = budget, 1 / (alpha * _REPEATS_PART)
        self._product, self._count = 1.0, 0

    def add(self, share: float) -> None:
        """Add the share over the limit of a load; all loads of a probe are added, and of a length fixed before."""
        self._product *= share / self._budget
        self._count += 1

    @property
    def is_refuted(self) -> bool:
        """Whether the rate FAILs."""
        return self._product >= self._least

    @property
    def is_worth_repeating(self) -> bool:
        """Whether the loads that are left refute it if their shares are as large as those so far."""
        if self.is_refuted or not 0 < self._count < MOST_REPEATS:
            return False
        return math.log(max(self._product, 1e-300)) * MOST_REPEATS >= math.log(self._least) * self._count


def compute_probe_length(budget: float, alpha: float) -> int:
    """The independent requests that PASS at alpha where a third of the budget is over the limit."""
    n = math.ceil(math.log(alpha) / math.log1p(-budget))
    while clopper_pearson_upper(_HEALTHY * budget * n, n, alpha) >= budget:
        n = math.ceil(n * 1.05)
    return n
