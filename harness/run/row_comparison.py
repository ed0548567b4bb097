"""Compare the endpoint with a baseline on the same labelled rows: non-inferiority, three-valued, by pairs.

Of the share of right rows Tango's score test decides, with exact tails; of every other figure, and of weighted rows, a
paired bootstrap. FAIL refutes "at most the margin worse", PASS "worse by the margin". Tested in
tests/run/test_row_comparison.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from statistics import NormalDist

import numpy as np

from harness.core.metric import Metric
from harness.core.objective import Objective
from harness.core.plan import PlannedCheck
from harness.core.verdict import ALPHA, Baseline, Slice, Status, Verdict, make_inconclusive
from harness.metrics.answered_rows import AnsweredRows, Flags
from harness.metrics.paired_figures import compute_detectable, prepare_difference
from harness.metrics.quality_metric import Aim, Prepared, QualityMetric, find_metric
from harness.run.flips import Flips
from harness.run.paired_rows import PairedRows
from harness.run.quality import find_need_problem
from harness.run.trivial_baseline import name_order_figure
from harness.stats.difference import PairCounts, judge_difference
from harness.stats.resampling import compute_rows_needed

_FEWEST_IN_SLICE, _MOST_SLICES = 20, 30
_NEIGHBOURS = 5


@dataclass(frozen=True, slots=True)
class _Loss:
    """By how much a figure is worse than the baseline's, with the bounds that decide FAIL and PASS.

    `error` is about its standard error.
    """

    metric: Metric
    ours: float
    theirs: float
    least: float
    most: float
    n: int
    n_needed: int | None
    error: float
    method: str


def judge_right(pairs: PairedRows, flips: Flips | None, margin: float, check: PlannedCheck, seed: int) -> Verdict:
    """Whether the endpoint is at most the margin less often right, R² or recall of neighbours at most so much lower."""
    if pairs.problem or not len(pairs):
        return pairs.explain_problem()
    ours = pairs.ours
    if ours.vectors is not None:
        return compare_figure(pairs, find_metric(name_order_figure(ours)), Aim(k=_NEIGHBOURS), margin, check, seed)
    if flips is None:
        return compare_figure(pairs, find_metric("r2"), Aim(), margin, check, seed)
    verdict = _decide(pairs, _compare_right(pairs, margin, check), margin, check, flips.describe())
    slices = tuple(islice(_list_slices(pairs), _MOST_SLICES))
    return replace(verdict, slices=slices).with_notes(*flips.list_notes())


def compare_objective(pairs: PairedRows, objective: Objective, check: PlannedCheck, seed: int) -> Verdict:
    """Whether the objective's figure keeps within its tolerance of the baseline's."""
    if pairs.problem or not len(pairs):
        return pairs.explain_problem()
    metric, aim = find_metric(objective.metric), Aim(None, objective.k)
    if objective.slice is not None:
        pairs = pairs.select(find_members(pairs.ours, objective.slice))
        if not len(pairs):
            return make_inconclusive(f"no compared row is of the slice {objective.slice!r}", n=0)
    if objective.class_ is not None:
        if objective.class_ not in pairs.ours.classes[: pairs.ours.label_count]:
            return make_inconclusive(f"no row is labelled {objective.class_!r}", n=0)
        aim = Aim(pairs.ours.classes.index(objective.class_), objective.k)
    margin = abs(objective.loosened - objective.budget)
    if not margin:
        return make_inconclusive("the objective has no tolerance, and so no margin (give [[objective]] margin)", n=0)
    return compare_figure(pairs, metric, aim, margin, check, seed)


def compare_figure(
    pairs: PairedRows, metric: QualityMetric, aim: Aim, margin: float, check: PlannedCheck, seed: int
) -> Verdict:
    """Whether a figure of the rows is worse than the baseline's by at most `margin`, in the figure's unit."""
    name = metric.metric.name
    for rows in (pairs.ours, pairs.theirs):
        if problem := find_need_problem(metric, rows):
            return make_inconclusive(f"{name} {problem}", n=0)
    prepared = _prepare_loss(metric, pairs, aim)
    if prepared.unjudged:
        return make_inconclusive(prepared.unjudged, n=0)
    alphas = check.alpha_fail or ALPHA, ALPHA
    least, most = prepared.find_bounds(alphas, seed)
    if pairs.ours.declined.any():  # a 429 does not show whether the row is wrong: a FAIL must not rest on it
        others = _prepare_loss(metric, pairs.select(~pairs.ours.declined), aim)
        least = min(least, others.find_bounds(alphas, seed)[0]) if not others.unjudged else -math.inf
    method = "paired bootstrap with an additional row"
    if prepared.find_own_bounds:
        method = "the bounds of each figure"
    loss = _Loss(
        replace(metric.metric, title=metric.metric.title.replace("k", str(aim.k or "k"))),
        metric.prepare(pairs.ours, aim).estimate,
        metric.prepare(pairs.theirs, aim).estimate,
        least,
        most,
        prepared.n,
        compute_rows_needed(prepared.n, prepared.estimate, most, ALPHA, margin),
        (most - prepared.estimate) / NormalDist().inv_cdf(1 - ALPHA),
        method,
    )
    return _decide(pairs, loss, margin, check)


def _prepare_loss(metric: QualityMetric, pairs: PairedRows, aim: Aim) -> Prepared:
    if metric.metric.direction == ">=":
        return prepare_difference(metric, pairs.theirs, pairs.ours, aim)
    return prepare_difference(metric, pairs.ours, pairs.theirs, aim)


def _compare_right(pairs: PairedRows, margin: float, check: PlannedCheck) -> _Loss:
    """The shares of right rows by Tango's test; a FAIL does not rest on rows declined with 429."""
    right, baseline_right, answered = pairs.ours.right, pairs.theirs.right, ~pairs.ours.declined
    counts, alpha_fail = count_flips(right, baseline_right), check.alpha_fail or ALPHA
    decided = judge_difference(counts, margin, ALPHA, alpha_fail)
    least = decided.lower
    if not answered.all():
        least = -1.0
        if answered.any():
            others = count_flips(right[answered], baseline_right[answered])
            least = judge_difference(others, margin, ALPHA, alpha_fail).lower
    spread = max((counts.worse + counts.better + 1) / counts.n, margin) - margin**2
    return _Loss(
        find_metric("accuracy").metric,
        float(right.mean()),
        float(baseline_right.mean()),
        least,
        decided.upper,
        counts.n,
        decided.n_needed,
        math.sqrt(spread / counts.n),
        "Tango's score test of pairs, exact tails",
    )


def count_flips(right: Flags, baseline_right: Flags) -> PairCounts:
    """The pairs of rows, those that only the baseline has right, and those that only the endpoint has right."""
    return PairCounts(len(right), int((baseline_right & ~right).sum()), int((right & ~baseline_right).sum()))


def _decide(pairs: PairedRows, loss: _Loss, margin: float, check: PlannedCheck, event: str = "") -> Verdict:
    """The verdict; `event` says what happened to single rows."""
    unit = f" {loss.metric.unit}".rstrip()
    event = event or f"over {loss.n} rows"
    shown = f"{event}: {loss.metric.title} is {loss.ours:.4g}, and {loss.theirs:.4g} of the baseline"
    status, needed = Status.INCONCLUSIVE, loss.n_needed
    reason = f"{shown}: a loss of {margin:.3g}{unit} is neither shown nor refuted"
    if loss.least >= margin:
        status, reason = Status.FAIL, f"worse than the baseline by over {margin:.3g}{unit}: {shown}"
    elif pairs.weakness:
        needed, reason = None, f"{pairs.weakness}, so that to be no worse proves nothing: {shown}"
    elif loss.most <= margin:
        status, reason = Status.PASS, f"{shown}: a loss of {margin:.3g}{unit} is refuted"
    if status is not Status.INCONCLUSIVE:
        needed = None
    detectable = compute_detectable(loss.error, margin, check.alpha_fail or ALPHA)
    notes = [*pairs.notes, f"a loss of {detectable:.3g}{unit} would FAIL in 8 of 10 samples of this size"]
    if -loss.most > margin:
        notes.append(f"it is better by over {margin:.3g}{unit}: is the baseline what it is meant to be?")
    bounds, limit = (loss.least, loss.most), margin
    if loss.metric.direction == ">=":
        bounds, limit = (-loss.most, -loss.least), -margin
    gain = loss.ours - loss.theirs
    return Verdict(
        status,
        reason,
        metric=f"difference of {loss.metric.title}",
        unit=loss.metric.unit,
        direction=loss.metric.direction,
        estimate=gain,
        ci=bounds,
        confidence=1 - ALPHA,
        method=loss.method,
        n=loss.n,
        n_needed=needed,
        limit=limit,
        baseline=Baseline(pairs.name, loss.theirs, gain, bounds, margin),
        notes=tuple(notes),
    )


def find_members(rows: AnsweredRows, name: str) -> Flags:
    """Which rows are of a slice, named as objectives name it."""
    if "group" in rows.columns and name in rows.columns["group"]:
        return np.asarray(rows.columns["group"] == name)
    column, _, value = name.partition("=")
    if column not in rows.columns:
        return np.zeros(len(rows), bool)
    return np.asarray(rows.columns[column] == value)


def _list_slices(pairs: PairedRows) -> Iterator[Slice]:
    """The difference of the shares of right rows in each slice: shown, not judged."""
    right, baseline_right = pairs.ours.right, pairs.theirs.right
    for name, values in pairs.ours.columns.items():
        for value in np.unique(values):
            members: Flags = values == value
            if value and members.sum() >= _FEWEST_IN_SLICE:
                counts = count_flips(right[members], baseline_right[members])
                decided = judge_difference(counts, 0.5)
                yield Slice(f"{name}={value}", counts.n, -counts.estimate, (-decided.upper, -decided.lower))
