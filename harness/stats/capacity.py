"""Search for the capacity of a service: an interval of rates, with one error for the whole search.

The capacity of a service for one objective is the largest rate up to which the long-run share of requests over the
limit is within the budget, when requests arrive at that rate, whatever becomes of earlier ones (open loop); for several
objectives it is the smallest of theirs. This assumes that the share does not fall as the rate grows (monotonicity).

The search has three stages, each of probes that start with a drained queue:

1. Short probes locate the knee by their shares alone. They claim nothing, and so they spend no error.
2. Probes at rising rates each have to PASS (the share is within the budget); the first that does not ends the row.
3. Probes at falling rates each have to FAIL (it is not); the first that does not ends the row.

In a row only the first rate on the wrong side of the capacity can be a mistake: if it is not decided wrongly, the row
ends. So every probe of a row is judged at the alpha of the row, whatever earlier probes made the search choose its
rate and length (a fixed sequence needs no correction: Maurer, Hothorn and Lehmacher 1995; each probe is a fresh
sample). Each side has two rows, of `_ROWS` of its half of alpha: the second begins where the first ended too soon.
With probability 1 - alpha the capacity is at least `low`, the largest rate that passed, and less than `high`, the
smallest that failed. `benchmarks/capacity_errors.py` simulates the coverage on queues of known capacity.

A queue that only grows is one long episode, and no number of its requests decides by itself. So an undecided probe with
a large share over the limit is repeated from a drained queue. At or under the capacity the share of each repeat has an
expectation of the budget at most (a queue that begins empty is no longer than in the long run), whatever its requests
owe to one another; share / budget is then an e-value, repeats are independent, and their product is 1 / alpha or more
with probability alpha at most (Ville's inequality).

A load whose queue only grows (`stats/saturation.py`) ends as soon as what it is to show is certain: more requests are
over the limit than the budget allows of all that were planned, so that it cannot pass; of a repeat, enough to refute
the rate. What the rest would have shown changes no outcome, so an early end costs no error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from harness.stats.knee import KneeModel, KneePoint

ProbeOutcome = Literal["pass", "fail", "inconclusive"]
ProbeAim = Literal["locate", "pass", "fail"]

WIDTH = 1.1
"""The ratio of the ends of an interval below which a search has nothing more to look for."""

MOST_REPEATS = 3
"""The loads of one probe: as many drained queues must grow again."""

MOST_LOCATING = 10
"""The probes that locate the knee at most."""

LOCATING_PART = 0.02
"""The length of a probe that locates the knee, as a part of the length of the search."""

_FEWEST = 40
"""The requests of a probe at least."""

_KNOWN_WITHIN = 1.2
"""The ratio of a rate over the knee and one under it, from which on the knee counts as located."""

_ROWS = (0.8, 0.2)
"""The parts of a side's alpha that its rows have."""

_FIRST_PART = 0.7
"""The part of a side's time that the first probe of a row may take. A far one needs no less: its few slow requests come
in few episodes."""

_FIRST_POWER, _NEXT_POWER = 0.9, 0.75
"""The chance of being decided, by the model, at which the first rate of a row, and the next one, is chosen."""

_SHORTEST_PART, _LEAST_STEP = 0.5, 1.01
"""Time too short for a probe, in lengths of a locating one; a step too small for one."""

_NEAR_TARGET, _RETREAT = 0.05, 1.3
"""How near to the target (in the log of the rate) a probe is moved to it; the factor by which a side steps back where
its first probe was not decided."""

_REPEATS_PART = 1 / 4
"""The part of a probe's alpha of FAIL that its repeats get; the first load alone is judged at the rest."""


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


@dataclass(frozen=True, slots=True)
class Probe:
    """What a search asks for: a load of `rate` requests/s for `seconds` from a drained queue, and what it has to show.

    `alpha` is the error of a PASS or FAIL; 0 where the probe only locates the knee.
    """

    rate: float
    seconds: float
    aim: ProbeAim
    alpha: float = 0.0


class CapacitySearch:
    """Locates the knee, then raises the lower end and lowers the upper one, within `seconds` of load in all.

    Ask `next_probe`, make its loads, `note` each, and `add` the outcome, until `next_probe` is None. `target` is a rate
    about which the search is asked: it is tried itself where that costs no width. `highest` is the largest rate that
    may be asked; `forbid_above` lowers it.
    """

    def __init__(
        self, first: float, seconds: float, *, highest: float = math.inf, alpha: float = 0.05, target: float = 0.0
    ):
        """Raises `ValueError` unless 0 < first <= highest, 0 < seconds and 0 < alpha <= 0.5."""
        if not (0 < first <= highest and first < math.inf):
            raise ValueError(f"the first rate {first!r} must be over 0 and at most the highest, {highest!r}")
        if not (0 < seconds < math.inf and 0 < alpha <= 0.5):
            raise ValueError(f"{seconds!r} s at alpha {alpha!r}: a time over 0 and an alpha in (0, 0.5] are needed")
        self.alpha = alpha
        self._seconds, self._spent, self._highest, self._target = seconds, 0.0, highest, target
        self._first, self._located = first, 0
        self._under, self._over = 0.0, math.inf
        self._model = KneeModel()
        self._low, self._high = _Side("pass", alpha / 2), _Side("fail", alpha / 2)

    @property
    def capacity(self) -> Capacity:
        """The interval so far, with the confidence of the whole search."""
        return Capacity(self._low.end or 0.0, self._high.end or math.inf, 1 - self.alpha)

    @property
    def next_probe(self) -> Probe | None:
        """The next probe; None when the interval is narrow enough, or the time is used up."""
        if self.capacity.is_narrow or self._rest < _SHORTEST_PART * self._locating_seconds:
            return None
        if (rate := self._choose_locating_rate()) is not None:
            return Probe(rate, min(max(self._locating_seconds, _FEWEST / rate), self._rest), "locate")
        for side, part in ((self._low, 0.5), (self._high, 1.0)):
            if (probe := self._choose_probe(side, part)) is not None:
                return probe
        return None

    def note(self, load: KneePoint, seconds: float) -> None:
        """Note what a load has shown of the knee, and the seconds that it took."""
        self._spent += seconds
        self._model.add(load)

    def add(self, probe: Probe, outcome: ProbeOutcome, *, is_over: bool = False) -> None:
        """Add the outcome of a probe whose loads are noted. A probe that locates only says whether it `is_over`."""
        if probe.aim == "locate":
            self._located += 1
            if is_over:
                self._over = min(self._over, probe.rate)
            else:
                self._under = max(self._under, probe.rate)
            return
        side = self._low if probe.aim == "pass" else self._high
        side.add(probe.rate, is_decided=outcome == probe.aim)

    def forbid_above(self, rate: float) -> None:
        """Ask for no rate over this one any more: whoever sends the requests cannot, unless a load has shown that."""
        if rate > self._under:
            self._highest = min(self._highest, rate)

    def has_time_for(self, probe: Probe) -> bool:
        """Whether another load of this probe can be made within the time of the search."""
        return probe.seconds <= self._rest

    @property
    def _rest(self) -> float:
        return self._seconds - self._spent

    @property
    def _locating_seconds(self) -> float:
        return LOCATING_PART * self._seconds

    def _choose_locating_rate(self) -> float | None:
        under, over = self._under, self._over
        if self._located >= MOST_LOCATING or under >= self._highest or self._low.end or self._high.end:
            return None
        if not under and over == math.inf:
            return self._first
        if over == math.inf:
            return min(2 * under, self._highest)
        if not under:
            return over / 2
        return None if over / under <= _KNOWN_WITHIN else math.sqrt(under * over)

    def _choose_probe(self, side: _Side, part: float) -> Probe | None:
        """The next probe of a side, which may use this part of what is left when it begins; None where it is over."""
        knee = min(self._model.find_knee(self._under, self._over), self._highest)
        is_unseen = not self._under if side.aim == "pass" else self._over == math.inf
        if side.is_over or is_unseen:
            return None
        side.until = side.until or self._spent + part * self._rest
        seconds, power = min(side.until - self._spent, self._rest), _NEXT_POWER
        if not side.is_row_begun:
            seconds, power = max(_FIRST_PART * seconds, self._locating_seconds), _FIRST_POWER
        if seconds < _SHORTEST_PART * self._locating_seconds:
            return None
        factor = math.exp(self._model.find_distance(side.aim, knee, seconds, side.alpha, power))
        rate = knee * factor if side.aim == "fail" else knee / factor
        if self._over == math.inf:
            rate = self._highest
        elif self._target and abs(math.log(rate / self._target)) < _NEAR_TARGET:
            rate = self._target
        placed = side.place(min(rate, self._highest))
        if placed is None or (side.aim == "fail" and placed <= knee):
            return None
        return Probe(placed, seconds, side.aim, side.alpha)


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
        """Add the share over the limit of a load; all loads of a probe are added, and of a length fixed before. Where
        one ended before that, what was not sent counts as within the limit.
        """
        self._product *= share / self._budget
        self._count += 1

    @property
    def refuting_share(self) -> float:
        """The share over the limit of one more load with which the rate FAILs; over 1 where no one load does that."""
        return self._budget * self._least / max(self._product, 1e-300)

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


class _Side:
    """One side of the search: its rows, and the end of the interval that they have proved."""

    def __init__(self, aim: ProbeAim, alpha: float):
        self.aim, self.end, self.until = aim, 0.0, 0.0
        self._alpha, self._row, self._undecided = alpha, 0, 0.0
        self.is_row_begun = False

    @property
    def alpha(self) -> float:
        """The alpha of a probe of the row."""
        return self._alpha * _ROWS[self._row]

    @property
    def is_over(self) -> bool:
        """Whether every row has ended."""
        return self._row >= len(_ROWS)

    def place(self, rate: float) -> float | None:
        """The rate, moved to between the proved end and the rate that ended a row; None where no step is left."""
        sign = 1 if self.aim == "pass" else -1
        if self._undecided and sign * rate >= sign * self._undecided / _LEAST_STEP**sign:
            rate = math.sqrt(self.end * self._undecided) if self.end else self._undecided / _RETREAT**sign
        if self.end and sign * rate <= sign * self.end * _LEAST_STEP**sign:
            return None
        return rate

    def add(self, rate: float, *, is_decided: bool) -> None:
        """Whether the probe at this rate was decided as it had to be."""
        self.is_row_begun = is_decided
        if is_decided:
            self.end = rate
        else:
            self._row += 1
            self._undecided = rate
