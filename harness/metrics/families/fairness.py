"""Figures of fairness: how far the groups of a sensitive column are apart.

The figure is the gap between the two groups that are furthest apart. Groups are the values of a column, or the pairs of
values of two columns. Of two classes the one that counts is the last, or the one that is asked for; of several every
one is compared where none is asked for. Tested in tests/metrics/test_fairness.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from harness.metrics.answered_rows import AnsweredRows, Codes, Flags
from harness.metrics.families.calibration import prepare_ece
from harness.metrics.quality_metric import (
    Aim,
    Prepared,
    QualityMetric,
    add_extremes,
    define_metric,
    prepare_unjudged,
    sum_by_class,
)
from harness.stats.group_gap import GapBounds, bound_gap
from harness.stats.resampling import Alphas, Bounds, Values

AND = " and "
"""Joins the two columns of an intersection, and their values."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """One share, of each group of a partition: that of the rows in `good` among those in `counted`, both masks.

    `groups` are the names, `codes` each row's place among them, -1 for a row of none; `what` are the words after the
    share: "labelled 'yes' are answered so", `title` its name. `small` are groups with too few counted rows to be
    compared.
    """

    what: str
    title: str
    groups: tuple[str, ...]
    codes: Codes
    counted: Flags
    good: Flags
    small: tuple[tuple[str, int], ...]

    def count(self, weights: Values) -> tuple[Values, Values]:
        """Of each group the good rows, and all that count; weighted ones as many as Kish's effective sample has."""
        size = len(self.groups)
        part = self.counted & (self.codes >= 0)
        codes, mass = self.codes[part], weights[part]
        total = np.bincount(codes, mass, size)
        n = total**2 / np.bincount(codes, mass**2, size)
        return np.bincount(codes, mass * self.good[part], size) / total * n, n

    def compute_shares(self, weights: Values) -> Values:
        """The share of each group for weights of the shape (draws, rows): (draws, groups)."""
        size = len(self.groups) + 1
        codes, masses = self.codes % size, weights * self.counted
        above, below = sum_by_class(codes, masses * self.good, size), sum_by_class(codes, masses, size)
        return np.asarray(np.divide(above, below, out=np.zeros_like(above), where=below > 0)[:, :-1])


_Share = tuple[str, str, Flags, Flags]
_List = Callable[[AnsweredRows, int], Iterator[_Share]]
"""The shares that a metric compares, for a class: words and title, the rows that count, and the good ones."""


def find_groups(rows: AnsweredRows, by: str) -> tuple[tuple[str, ...], Codes]:
    """The groups of a column, or of two joined by " and ", and each row's place among them (-1: it has no value)."""
    columns = by.split(AND)
    known, joined = np.ones(len(rows), bool), np.zeros(len(rows), np.int64)
    for column in columns:
        values, codes = np.unique(rows.columns[column], return_inverse=True)
        known &= rows.columns[column] != ""
        joined = joined * len(values) + codes
    _, firsts, codes = np.unique(joined[known], return_index=True, return_inverse=True)
    examples = np.flatnonzero(known)[firsts]
    names = [AND.join(f"{column}={rows.columns[column][place]}" for column in columns) for place in examples]
    places = np.full(len(rows), -1)
    places[known] = codes
    return tuple(names), places


def list_comparisons(rows: AnsweredRows, aim: Aim, list_shares: _List) -> list[Comparison]:
    """What is compared: each share of each class that counts, over each partition."""
    classes = [1]
    if aim.of_class is not None:
        classes = [aim.of_class]
    elif rows.label_count != 2:
        classes = list(range(rows.label_count))
    comparisons = []
    for by in aim.by:
        groups, codes = find_groups(rows, by)
        for of_class in classes:
            for what, title, counted, good in list_shares(rows, of_class):
                sizes = np.bincount(codes[counted & (codes >= 0)], minlength=len(groups))
                large = [place for place, group in enumerate(groups) if _is_large(sizes[place], group, aim)]
                small = tuple(
                    (group, int(sizes[place]))
                    for place, group in enumerate(groups)
                    if place not in large and group not in aim.left_out
                )
                meanings = np.full(len(groups) + 1, -1)
                meanings[large] = np.arange(len(large))
                names = tuple(groups[place] for place in large)
                comparisons.append(Comparison(what, title, names, meanings[codes], counted, good, small))
    return comparisons


def _is_large(size: int, group: str, aim: Aim) -> bool:
    return size >= max(1, aim.smallest) and group not in aim.left_out


def _list_answered(rows: AnsweredRows, of_class: int) -> Iterator[_Share]:
    name = rows.classes[of_class]
    yield f"are answered {name!r}", f"answered {name}", np.ones(len(rows), bool), rows.predictions == of_class


def _list_recalled(rows: AnsweredRows, of_class: int) -> Iterator[_Share]:
    name, good = rows.classes[of_class], rows.predictions == of_class
    yield f"labelled {name!r} are answered so", f"recall of {name}", rows.labels == of_class, good


def _list_odds(rows: AnsweredRows, of_class: int) -> Iterator[_Share]:
    yield from _list_recalled(rows, of_class)
    name, good = rows.classes[of_class], rows.predictions == of_class
    yield f"not labelled {name!r} are answered so", f"wrongly {name}", rows.labels != of_class, good


def _list_precise(rows: AnsweredRows, of_class: int) -> Iterator[_Share]:
    name, counted = rows.classes[of_class], rows.predictions == of_class
    yield f"answered {name!r} are labelled so", f"precision of {name}", counted, rows.labels == of_class


def _find_comparison_problem(rows: AnsweredRows, aim: Aim, comparisons: list[Comparison]) -> str:
    """Why there is nothing to compare; empty if there is."""
    answered = np.unique(rows.predictions)
    if len(answered) < 2:
        answer = {-1: "nothing", **dict(enumerate(map(repr, rows.classes)))}[int(answered[0])]
        return f"every row is answered {answer}: no group can differ from another"
    for comparison in comparisons:
        if len(comparison.groups) < 2:
            shown = ", ".join(f"{group}: {size}" for group, size in comparison.small[:8]) or "no other"
            large = ", ".join(comparison.groups) or "none"
            return (
                f"a gap needs two groups of at least {aim.smallest} rows each, and there is {large}; "
                f"smaller are: {shown} ({comparison.title})"
            )
    if not any((comparison.good & comparison.counted).any() for comparison in comparisons):
        return f"no rows {comparisons[0].what}, in whatever group: there is no share to compare"
    return ""


def _prepare(rows: AnsweredRows, aim: Aim, list_shares: _List, *, as_ratio: bool = False) -> Prepared:
    comparisons = list_comparisons(rows, aim, list_shares)
    if problem := _find_comparison_problem(rows, aim, comparisons):
        return prepare_unjudged(problem)
    if as_ratio and any(not comparison.good.any() for comparison in comparisons):
        return prepare_unjudged(f"no rows {comparisons[0].what}: shares of 0 have no ratio")

    def compute(weights: Values) -> Values:
        figures = []
        for comparison in comparisons:
            shares = comparison.compute_shares(weights[:, :-2])
            low, high = shares.min(axis=1), shares.max(axis=1)
            gaps = high - low
            if as_ratio:
                gaps = np.divide(gaps, high, out=np.zeros_like(gaps), where=high > 0)
            figures.append(gaps)
        largest = np.max(figures, axis=0)
        return np.asarray(1 - largest if as_ratio else largest)

    def find_own_bounds(alphas: Alphas) -> Bounds:
        # Of a ratio, which must be high, the lower bound is that of the largest gap of logarithms.
        alpha_fail, alpha_pass = alphas[::-1] if as_ratio else alphas
        bounds = [bound for _, bound in bound_comparisons(rows, aim, comparisons, alpha_fail, alpha_pass, as_ratio)]
        lower, upper = max(bound.lower for bound in bounds), max(bound.upper for bound in bounds)
        if as_ratio:
            return float(np.exp(-upper)), float(np.exp(-max(lower, 0.0)))
        return max(lower, 0.0), min(upper, 1.0)

    return Prepared(compute, add_extremes(rows.weights), len(rows), find_own_bounds)


def bound_comparisons(
    rows: AnsweredRows,
    aim: Aim,
    comparisons: list[Comparison],
    alpha_fail: float,
    alpha_pass: float,
    as_ratio: bool,
) -> list[tuple[Comparison, GapBounds]]:
    """The bounds of each comparison; several share the error rate of a FAIL."""
    margin = aim.limit or 0.0
    if as_ratio:
        margin = -float(np.log(aim.limit or 1.0))
    alphas = alpha_fail / len(comparisons), alpha_pass
    return [
        (comparison, bound_gap(*comparison.count(rows.weights), alphas, margin, as_ratio=as_ratio))
        for comparison in comparisons
    ]


def list_calibrations(rows: AnsweredRows, aim: Aim) -> list[tuple[str, int, Prepared]]:
    """Of each group its name, its rows and its calibration error."""
    parts = []
    for by in aim.by:
        groups, codes = find_groups(rows, by)
        for place, group in enumerate(groups):
            if group not in aim.left_out:
                part = rows.select(codes == place)
                parts.append((group, len(part), prepare_ece(part, aim)))
    return parts


def _prepare_calibration(rows: AnsweredRows, aim: Aim) -> Prepared:
    """The worst group's calibration error: FAIL shares its error rate between them, PASS needs every one's bound."""
    parts = list_calibrations(rows, aim)
    judged = [part for *_, part in parts if not part.unjudged]
    if len(judged) < 2:
        problem = next((f"{group}: {part.unjudged}" for group, _, part in parts if part.unjudged), "there is one")
        return prepare_unjudged(f"two groups are needed: {problem}")

    def compute(weights: Values) -> Values:
        return np.full(len(weights), max(part.estimate for part in judged))

    def find_own_bounds(alphas: Alphas) -> Bounds:
        bounds = [part.find_bounds((alphas[0] / len(judged), alphas[1]), 0) for part in judged]
        return max(low for low, _ in bounds), max(high for _, high in bounds)

    return Prepared(compute, add_extremes(rows.weights), len(rows), find_own_bounds)


@dataclass(frozen=True, slots=True)
class FairnessMetric(QualityMetric):
    """A gap between groups. `list_shares` are the shares that it compares; None for the groups' calibration."""

    list_shares: _List | None = None
    as_ratio: bool = False


def _define(
    name: str, title: str, definition: str, list_shares: _List, direction: Literal["<=", ">="] = "<="
) -> FairnessMetric:
    metric, as_ratio = define_metric(name, title, definition, "class", "by", direction=direction), direction == ">="
    prepare = partial(_prepare, list_shares=list_shares, as_ratio=as_ratio)
    return FairnessMetric(metric, ("classes",), prepare, _METHOD, list_shares=list_shares, as_ratio=as_ratio)


_METHOD = "intervals of pairs from Clopper-Pearson limits (MOVER), for all pairs at once"

FAMILY = (
    _define(
        "demographic_parity",
        "demographic parity gap",
        "the largest difference between two groups in the share of rows that are answered with the class",
        _list_answered,
    ),
    _define(
        "equal_opportunity",
        "equal opportunity gap",
        "the largest difference between two groups in the share of the class's rows that are answered right",
        _list_recalled,
    ),
    _define(
        "equalized_odds",
        "equalized odds gap",
        "the larger of that difference and of that in the share of other rows that are answered with the class",
        _list_odds,
    ),
    _define(
        "predictive_parity",
        "predictive parity gap",
        "the largest difference between two groups in the share of the class's answers that are right",
        _list_precise,
    ),
    _define(
        "disparate_impact",
        "disparate impact ratio",
        "the smallest quotient of two groups' shares of rows that are answered with the class",
        _list_answered,
        ">=",
    ),
    FairnessMetric(
        define_metric(
            "group_calibration",
            "calibration error of the worst group",
            "the largest ECE of a group",
            "class",
            "by",
            direction="<=",
        ),
        ("classes", "scores"),
        _prepare_calibration,
        "the null of a calibrated model at each group's n, for all groups at once",
    ),
)
