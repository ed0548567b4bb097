"""The samples of fixed size that a comparison with a baseline reads: slices and notes of an objective's verdict.

Tested in tests/run/test_baseline.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from harness.core.exchange import Exchange
from harness.core.objective import Objective
from harness.core.verdict import Slice
from harness.stats.dependence import MIN_EPISODES
from harness.stats.difference import measure_pair_dependence

CANDIDATE_SAMPLE, BASELINE_SAMPLE = "fixed sample", "fixed sample of the baseline"
"""The shares over the limit, a failed request included, at n."""
WORSE_PAIRS = "pairs with only this endpoint over the limit"
INDEPENDENT_REQUESTS, INDEPENDENT_PAIRS = "independent requests in the sample", "independent pairs in the sample"
"""n is as telling a number as the sample has; only where its requests, or pairs, depend on one another."""
BASELINE_NOTE = "the baseline "
"""How the notes begin that a comparison repeats."""


@dataclass(slots=True)
class FixedSample:
    """The values of both sides, infinite for a failure, in the order in which they were due.

    `size` is how many are asked for, 0 without a comparison; `down` says why the baseline is not asked. `due` is when
    each was due, in seconds of one clock; `warm_up` requests before them are not counted.
    """

    size: int
    values: list[float] = field(default_factory=list)
    baseline_values: list[float] = field(default_factory=list)
    failures: list[Exchange] = field(default_factory=list)
    due: list[float] = field(default_factory=list)
    down: str = ""
    warm_up: int = 0

    def add(self, value: float, baseline_value: float | None, baseline: Exchange | None, due: float) -> None:
        """Count one request and, where a second endpoint is asked, the baseline's at the same moment."""
        self.values.append(value)
        self.due.append(due)
        if baseline is not None and baseline_value is not None:
            self.baseline_values.append(baseline_value)
            if not baseline.ok:
                self.failures.append(baseline)

    @property
    def is_full(self) -> bool:
        """Whether as many as planned were asked."""
        return len(self.values) >= self.size

    def make_slices(self, objective: Objective, alpha: float) -> tuple[Slice, ...]:
        """What the comparison reads; nothing for a sample that was cut short. `alpha` is the smaller one of the two."""
        n = len(self.values)
        if n != self.size or not n:
            return ()
        ours, theirs = np.array(self.values), np.array(self.baseline_values)
        over = ours > objective.limit
        slices = [Slice(CANDIDATE_SAMPLE, n, float(over.mean()))]
        slices += _count_independent(INDEPENDENT_REQUESTS, self.values, [0.0] * n, objective, alpha)
        if len(theirs) == n:
            baseline_over = theirs > objective.limit
            slices.append(Slice(BASELINE_SAMPLE, n, float(baseline_over.mean())))
            slices.append(Slice(WORSE_PAIRS, n, float((over & ~baseline_over).mean())))
            slices += _count_independent(INDEPENDENT_PAIRS, self.values, self.baseline_values, objective, alpha)
        return tuple(slices)

    def make_notes(self) -> tuple[str, ...]:
        """What is to be known of the baseline's requests."""
        if self.down:
            return (BASELINE_NOTE + self.down,)
        if not self.failures:
            return ()
        counts = f"failed {len(self.failures)} of {len(self.baseline_values)} requests, which count as over the limit"
        return (f"{BASELINE_NOTE}{counts}: {self.failures[0].detail}",)


def _count_independent(
    name: str, values: Sequence[float], baseline_values: Sequence[float], objective: Objective, alpha: float
) -> list[Slice]:
    dependence = measure_pair_dependence(values, baseline_values, objective.limit, 1 - objective.budget)
    if dependence is None or not dependence.is_seen:
        return []
    n = 1  # a single episode decides nothing
    if dependence.fewest_episodes >= MIN_EPISODES - 1:
        n = max(1, int(len(values) / dependence.inflate(alpha)))
    return [Slice(name, n, None)]
