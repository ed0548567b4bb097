"""Leakage: rows of the holdout that stand in the training data, too, beyond what chance explains.

Few distinct rows have twins by chance. How many, two samples say: rows of the training data with a twin among its other
rows, as training and holdout are drawn alike, and rows of the holdout with a twin among its own. FAIL refutes that at
most the limit more have a twin than the larger of both chances; where the training data have fewer twins than those of
the holdout let expect, equal rows were taken out of them, and the chance is one that no such data exceed. PASS refutes
the loosened limit above the smaller chance: training data that repeat themselves excuse nothing. Tested in
tests/run/test_leakage.py.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import starmap
from typing import Any

from harness.core.dataset import Dataset
from harness.core.objective import Profile
from harness.core.plan import PlannedCheck
from harness.core.verdict import ALPHA, Counterexample, Slice, Status, Verdict
from harness.core.visible_text import fold_line
from harness.run.rate_judging import compute_rate_bounds
from harness.stats.beta import binomial_sf
from harness.stats.difference import SampleCounts, decide_difference
from harness.stats.intervals import clopper_pearson_lower, clopper_pearson_upper
from harness.stats.twins import Finder, NearNumbers, find_equal, find_near_texts

_MOST_COMPARED = {"exact": 2_000_000, "near": 100_000}
_MOST_SHOWN, _EXAMPLES, _FOR_SCALE = 20, 3, 5000
_LEAST_LIMIT = 1e-6
_CLUMPS = (1.0, 2.0)
"""Twins among rows of one file come at least in pairs."""
_ASSUMPTIONS = {
    "exact": "rows with equal inputs, whatever their labels",
    "near": (
        "rows of numbers at a twentieth of the distance of two random rows, each number scaled by its spread; texts "
        "that share seven in ten of their three-word sequences: a paraphrase is not seen"
    ),
}


@dataclass(frozen=True, slots=True)
class TwinCounts:
    """How many of n rows have a twin among `among` others."""

    twins: int
    n: int
    among: int

    @property
    def share(self) -> float:
        """Of the rows with a twin."""
        return self.twins / self.n

    def find_rate(self, share: float) -> float:
        """The chance that two rows are twins, if such a share has a twin among these others."""
        return -math.log1p(-min(share, 1 - 0.5 / self.n)) / self.among


@dataclass(frozen=True, slots=True)
class Leak:
    """Rows of the holdout with a twin: (row, row of the training data), and the counts that tell leakage from chance.

    `is_whole`: every row of the holdout was compared with every row of the training data.
    """

    rows: tuple[tuple[int, int], ...]
    leaked: TwinCounts
    by_training: TwinCounts
    by_holdout: TwinCounts
    is_whole: bool

    def find_chances(self) -> tuple[TwinCounts, TwinCounts]:
        """The smaller and the larger number of rows that would have a twin by chance."""
        small, large = sorted((self.by_training, self.by_holdout), key=lambda counts: counts.share)
        expected = clopper_pearson_upper(self.by_training.twins, self.by_training.n, ALPHA)
        pairs, possible = self.by_holdout.twins // 2, math.comb(self.by_holdout.n, 2)
        if pairs and binomial_sf(pairs, possible, self.by_training.find_rate(expected)) < ALPHA:
            # Equal rows were taken out of the training data. However often each row comes, n distinct ones are at most
            # sqrt(n p) of all, if two rows are twins with the chance p (Cauchy and Schwarz).
            distinct = self.leaked.among * self.by_holdout.find_rate(self.by_holdout.share)
            large = replace(self.leaked, twins=round(min(1.0, math.sqrt(distinct)) * self.leaked.n))
        return small, large


def find_leaked_rows(data: Dataset, training: Dataset, kind: str, items: int, seed: int) -> Leak:
    """The rows of the holdout, at most `items` of them, with a twin in the training data. `kind`: "exact" or "near"."""
    most = _MOST_COMPARED[kind]
    sample, places = _draw(data, items, f"{seed} leakage"), _draw(training, most, f"{seed} training")
    others, within = _Chosen(training.inputs, places), _Chosen(data.inputs, _draw(data, most, f"{seed} leakage"))
    find, queries = _choose_finder(kind, others), _Chosen(data.inputs, sample)
    twins = find(queries, others, [-1] * len(sample))
    trained = random.Random(f"{seed} chance").sample(range(len(places)), min(len(places), items))
    by_training = find(_Chosen(others, trained), others, trained)
    by_holdout = find(queries, within, range(len(sample)))  # the sample is drawn first
    rows = tuple((number, places[twin]) for number, twin in zip(sample, twins, strict=True) if twin >= 0)
    is_whole = len(sample) == len(data.inputs) and len(places) == len(training.inputs)
    return Leak(
        rows,
        TwinCounts(len(rows), len(sample), len(places)),
        TwinCounts(len(trained) - by_training.count(-1), len(trained), len(places)),
        TwinCounts(len(sample) - by_holdout.count(-1), len(sample), len(within)),
        is_whole,
    )


def judge_leakage(
    data: Dataset, training: Dataset, kind: str, limit: float, check: PlannedCheck, profile: Profile, seed: int
) -> Verdict:
    """Whether at most the limit of the holdout's rows have a twin in the training data beyond chance."""
    leak = find_leaked_rows(data, training, kind, profile.items, seed)
    leaked, (small, large) = leak.leaked, leak.find_chances()
    loosened, alpha_fail = max(profile.loosen(limit), _LEAST_LIMIT), check.alpha_fail or ALPHA
    above = SampleCounts(leaked.n, leaked.twins, large.n, large.twins)
    below = SampleCounts(leaked.n, leaked.twins, small.n, small.twins)
    what = f"{leaked.twins} of {leaked.n} rows stand in the training data, too"
    if kind == "near":
        what = f"{leaked.twins} of {leaked.n} rows have a near duplicate in the training data"
    status, reason = Status.INCONCLUSIVE, f"{what}: it is not shown whether these are over {limit * 100:.3g} %"
    if decide_difference(above, max(limit, _LEAST_LIMIT), ALPHA, alpha_fail, _CLUMPS) == "fail":
        status, reason = Status.FAIL, f"{what}, over {limit * 100:.3g} % more than by chance"
    elif leak.is_whole and leaked.share <= limit:
        status, reason = Status.PASS, f"{what}: no more than {limit * 100:.3g} % of all rows"
    elif decide_difference(below, loosened, ALPHA, alpha_fail, _CLUMPS) == "pass":
        status, reason = Status.PASS, f"{what}: {loosened * 100:.3g} % more than by chance are refuted"
    elif leaked.share > limit:
        reason = f"{what}, and up to {large.share * 100:.3g} % might by chance"
    bounds = (
        clopper_pearson_lower(leaked.twins, leaked.n, alpha_fail),
        clopper_pearson_upper(leaked.twins, leaked.n, ALPHA),
    )
    examples = starmap(partial(_show_twin, data, training), leak.rows[: _EXAMPLES * (status is not Status.PASS)])
    return Verdict(
        status,
        reason,
        metric="share of rows with a twin in the training data",
        unit="",
        direction="<=",
        estimate=leaked.share,
        ci=bounds,
        confidence=1 - ALPHA,
        method="exact score test against twins by chance",
        n=leaked.n,
        limit=limit,
        limit_loosened=loosened,
        slices=(_show("training data with a twin of their own", leak.by_training), _show("holdout", leak.by_holdout)),
        counterexamples=tuple(examples),
        notes=tuple(_list_notes(leak, data, training, kind)),
    )


def _list_notes(leak: Leak, data: Dataset, training: Dataset, kind: str) -> Iterator[str]:
    scope = "it speaks of these rows: all of both files were compared"
    if not leak.is_whole:
        scope = f"it speaks of the {len(data.inputs)} rows of which {leak.leaked.n} were drawn at random"
    if leak.leaked.among < len(training.inputs):
        scope += f", and of {leak.leaked.among} of the {len(training.inputs)} training rows"
    yield scope
    yield f"{kind}: {_ASSUMPTIONS[kind]}"
    if leak.rows:
        labels = data.labels or (), training.labels or ()
        same = sum(str(labels[0][row]) == str(labels[1][twin]) for row, twin in leak.rows if all(labels))
        shown = ", ".join(str(row) for row, _ in leak.rows[:_MOST_SHOWN])
        yield f"rows {shown}{' and others' * (len(leak.rows) > _MOST_SHOWN)}; {same} have the label of their twin"


def _show_twin(data: Dataset, training: Dataset, row: int, twin: int) -> Counterexample:
    pair = (fold_line(repr(rows.inputs[number]), 150) for rows, number in ((data, row), (training, twin)))
    return Counterexample(f"row {row} of {data.name} is row {twin} of {training.name}: {' and '.join(pair)}")


def _show(name: str, counts: TwinCounts) -> Slice:
    return Slice(name, counts.n, counts.share, compute_rate_bounds(counts.twins, counts.n, ALPHA))


class _Chosen(Sequence[Any]):
    """The rows at these places, read when they are asked for."""

    def __init__(self, rows: Sequence[Any], places: Sequence[int]) -> None:
        self._rows, self._places = rows, places

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return list(map(self._rows.__getitem__, self._places[place]))
        return self._rows[self._places[place]]


def _draw(data: Dataset, most: int, seed: str) -> list[int]:
    """At most so many places of rows; the first ones of a larger draw are those of a smaller one."""
    places = list(range(len(data.inputs)))
    random.Random(seed).shuffle(places)
    return places[:most]


def _choose_finder(kind: str, rows: Sequence[Any]) -> Finder:
    if kind == "exact":
        return find_equal
    return find_near_texts if isinstance(rows[0], str) else NearNumbers(rows[:_FOR_SCALE]).find
