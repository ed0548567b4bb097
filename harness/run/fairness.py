"""The verdict of an objective on the gap between groups of a sensitive column.

Tested in tests/suites/validation/test_fairness.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from harness.core.dataset import Dataset
from harness.core.objective import Objective
from harness.core.plan import PlannedCheck
from harness.core.settings import DataSettings
from harness.core.verdict import ALPHA, Slice, Status, Verdict, make_inconclusive
from harness.metrics.answered_rows import AnsweredRows
from harness.metrics.families.fairness import (
    AND,
    Comparison,
    FairnessMetric,
    bound_comparisons,
    find_groups,
    list_calibrations,
    list_comparisons,
)
from harness.metrics.quality_metric import Aim, Prepared, find_metric
from harness.run.labelled_rows import LabelledRows, choose_rows
from harness.run.quality import find_problem, judge_figure, list_notes
from harness.stats.intervals import clopper_pearson_lower, clopper_pearson_upper

_MOST_NAMED = 8


def judge_group_gap(
    answered: AnsweredRows,
    labelled: LabelledRows,
    settings: DataSettings,
    seed: int,
    objective: Objective,
    check: PlannedCheck,
) -> Verdict:
    """FAIL: a pair of groups is over the limit, at the check's alpha_fail for all pairs at once. PASS: every pair is
    under the limit with its tolerance, and no group is too small to show it.
    """
    data = settings.dataset
    assert data is not None
    metric = find_metric(objective.metric)
    assert isinstance(metric, FairnessMetric)
    chosen = choose_rows(data, seed, objective.slice, objective.cap)
    rows = answered.select(np.isin(answered.numbers, chosen))
    if problem := find_problem(metric, rows, labelled, chosen, data, objective):
        return make_inconclusive(problem, n=0)
    of_class = rows.classes.index(objective.class_) if objective.class_ else None
    by = (objective.by,) if objective.by else data.sensitive
    aim = Aim(of_class, by=by, limit=objective.limit, smallest=settings.smallest_group, left_out=settings.left_out)
    notes = (*_list_group_notes(rows, aim), *list_notes(rows, data, seed))
    if metric.list_shares is None:
        parts = list_calibrations(rows, aim)
        small = [(group, n) for group, n, part in parts if part.unjudged]
        slices, words = _list_calibration_slices(parts, objective.alpha), _describe_calibration(parts)
    else:
        comparisons = list_comparisons(rows, aim, metric.list_shares)
        small = [group for comparison in comparisons for group in comparison.small]
        slices, words = _list_share_slices(rows, comparisons, objective.alpha), ""
    verdict = judge_figure(metric, rows, aim, objective, check, seed, slices, notes)
    if not verdict.n:
        return verdict
    if metric.list_shares is not None:
        words = _describe_gap(rows, aim, comparisons, metric, verdict.status)
    verdict = replace(verdict, reason=f"{words}: {verdict.reason}")
    small += _list_absent(rows, data, objective, aim)
    if verdict.status is Status.PASS and small:
        return _refuse_small(verdict, small, aim)
    return verdict


def _list_group_notes(rows: AnsweredRows, aim: Aim) -> Iterator[str]:
    yield "it speaks of the population that these rows are a sample of, group by group"
    for by in aim.by:
        if lacking := int((find_groups(rows, by)[1] < 0).sum()):
            yield f"{lacking} rows have no value of {by}, and are in no group"
    if aim.left_out:
        yield f"left out by [data] leave_out: {', '.join(aim.left_out)}"


def _describe_gap(
    rows: AnsweredRows, aim: Aim, comparisons: list[Comparison], metric: FairnessMetric, status: Status
) -> str:
    """The two groups that are furthest apart: of a FAIL those whose gap is the most certain."""
    bounds = bound_comparisons(rows, aim, comparisons, ALPHA, ALPHA, metric.as_ratio)
    comparison, bound = max(bounds, key=lambda pair: pair[1].lower)
    good, n = comparison.count(rows.weights)
    high, low = bound.worst
    if status is not Status.FAIL:
        high, low = int((good / n).argmax()), int((good / n).argmin())
    shares = good / n * 100
    first = f"{shares[low]:.1f} % of the {n[low]:.0f} rows of {comparison.groups[low]} {comparison.what}"
    return f"{first}, {shares[high]:.1f} % of the {n[high]:.0f} of {comparison.groups[high]}"


def _list_share_slices(rows: AnsweredRows, comparisons: list[Comparison], alpha: float) -> Iterator[Slice]:
    """Each group's share with its exact interval."""
    for comparison in comparisons:
        good, n = comparison.count(rows.weights)
        for group, k, total in zip(comparison.groups, good.tolist(), n.tolist(), strict=True):
            bounds = clopper_pearson_lower(k, total, alpha), clopper_pearson_upper(k, total, alpha)
            yield Slice(f"{group}: {comparison.title}", round(total), k / total, bounds)


def _describe_calibration(parts: list[tuple[str, int, Prepared]]) -> str:
    judged = [(part.estimate, group, n) for group, n, part in parts if not part.unjudged]
    if not judged:
        return ""
    error, group, n = max(judged)
    return f"the {n} rows of {group} have an ECE of {error:.3g}"


def _list_calibration_slices(parts: list[tuple[str, int, Prepared]], alpha: float) -> Iterator[Slice]:
    for group, n, part in parts:
        if not part.unjudged:
            yield Slice(f"{group}: ECE", n, part.estimate, part.find_bounds((alpha, alpha), 0))


def _list_absent(rows: AnsweredRows, data: Dataset, objective: Objective, aim: Aim) -> list[tuple[str, int]]:
    """The groups of the data of which no row was asked."""
    places = data.select_slice(objective.slice)
    absent = []
    for by in aim.by:
        columns = by.split(AND)
        present = {*find_groups(rows, by)[0], *aim.left_out}
        pairs = sorted({tuple(data.columns[column][place] for column in columns) for place in places})
        names = [AND.join(map("{}={}".format, columns, pair)) for pair in pairs if all(pair)]
        absent += [(name, 0) for name in names if name not in present]
    return absent


def _refuse_small(verdict: Verdict, small: list[tuple[str, int]], aim: Aim) -> Verdict:
    """INCONCLUSIVE in place of PASS, as nothing is known of some groups."""
    few = dict(sorted(small, key=lambda pair: -pair[1]))
    shown = ", ".join(f"{group} ({n})" for group, n in list(few.items())[:_MOST_NAMED])
    remedy = "give more rows of them, or name them in [data] leave_out"
    reason = f"{len(few)} groups have fewer than the {aim.smallest} rows that a share needs: {shown}; {remedy}"
    return replace(verdict, status=Status.INCONCLUSIVE, reason=f"{reason}. Of the others: {verdict.reason}")
