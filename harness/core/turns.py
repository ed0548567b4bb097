"""Turns: two endpoints get the same schedule in one run, part by part, one after the other.

A part of the schedule is sent to one endpoint while the other rests, and then to the other. Which comes first in each
pair is drawn from the seed, half of the pairs each way: what changes slowly meets both alike.

Tested in tests/core/test_turns.py.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from hashlib import blake2b

from harness.core.load_settings import LoadSettings

PAIRS = (60, 30, 20, 15, 12, 10, 6)
"""Into how many pairs of turns a load can be cut: as the 60 time blocks of its counts can be added up."""

FEWEST_PAIRS = PAIRS[-1]

DECIDING_PAIRS = 30
"""With fewer pairs, disturbances that each endpoint has for itself cannot be seen, and up to 11.5 % of the decisions on
times would be wrong (`benchmarks/turn_errors.py`)."""


@dataclass(frozen=True, slots=True)
class Turns:
    """When one of two endpoints gets its parts of the schedule.

    Part i is what lies from `bounds[i]` to `bounds[i + 1]` in the schedule, in seconds. In the run both endpoints get
    it from twice `bounds[i]` on; where `is_first[i]` this one has the first turn.
    """

    bounds: tuple[float, ...]
    is_first: tuple[bool, ...]

    @property
    def seconds(self) -> float:
        """How long the run is."""
        return 2 * self.bounds[-1]

    def find_time(self, scheduled: float) -> float:
        """When in the run something is due that is due at this time of the schedule."""
        i = min(max(0, bisect_right(self.bounds, scheduled) - 1), len(self.is_first) - 1)
        begin, end = self.bounds[i], self.bounds[i + 1]
        return 2 * begin + (0.0 if self.is_first[i] else end - begin) + scheduled - begin

    def find_scheduled(self, time: float) -> float:
        """How far the schedule of this endpoint is at this time of the run; in the other's turn it stands still."""
        i = min(max(0, bisect_right(self.bounds, time / 2) - 1), len(self.is_first) - 1)
        begin, end = self.bounds[i], self.bounds[i + 1]
        within = time - 2 * begin - (0.0 if self.is_first[i] else end - begin)
        return begin + min(max(0.0, within), end - begin)

    def swap(self) -> Turns:
        """The turns of the other endpoint."""
        return replace(self, is_first=tuple(not first for first in self.is_first))


def count_pairs(load: LoadSettings) -> int:
    """How many pairs of turns after the warm-up this load is cut into: as many as last `turn` seconds each, or 6."""
    judged = load.duration - load.judged_from
    return next((pairs for pairs in PAIRS if judged / pairs >= load.turn), FEWEST_PAIRS)


def make_turns(load: LoadSettings, seed: int) -> Turns:
    """The turns of the candidate in this load; the warm-up is a pair of its own."""
    pairs, begin = count_pairs(load), load.judged_from
    length = (load.duration - begin) / pairs
    bounds = [begin + i * length for i in range(pairs)] + [load.duration]
    drawn = sorted(range(pairs), key=lambda i: blake2b(b"%d:turn %d" % (seed, i), digest_size=8).digest())
    chosen = set(drawn[: pairs // 2])
    order = list(map(chosen.__contains__, range(pairs)))
    if begin > 0:
        bounds, order = [0.0, *bounds], [0 in chosen, *order]
    return Turns(tuple(bounds), tuple(order))
