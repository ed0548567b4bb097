"""Quality: the verdict of an objective on a figure of the answered rows.

Tested in tests/suites/validation/test_quality.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from statistics import NormalDist
from typing import Any

import numpy as np

from harness.core.dataset import Dataset
from harness.core.objective import Objective
from harness.core.plan import PlannedCheck
from harness.core.verdict import Slice, Status, Verdict, make_inconclusive
from harness.metrics.answered_rows import AnsweredRows, Flags
from harness.metrics.families.calibration import find_confidence, measure_reliability
from harness.metrics.quality_metric import Aim, Prepared, QualityMetric, find_metric
from harness.run.labelled_rows import (
    LabelledRows,
    choose_rows,
    describe_population,
    explain_unjudged,
    refuse_one_class,
)
from harness.stats.resampling import Alphas, Bounds, compute_rows_needed

_MOST_SLICES = 40
_ROUNDING = 1e-9
"""Classes and slices that a verdict shows."""
_FEWEST = 10
"""Rows of a slice without which no figure of it is shown."""


def judge_quality(
    answered: AnsweredRows, labelled: LabelledRows, data: Dataset, seed: int, objective: Objective, check: PlannedCheck
) -> Verdict:
    """The figure of all rows, or those of the objective's slice, against its limit.

    FAIL refutes the limit at the check's alpha_fail, by the rows without those that were declined with 429. PASS
    refutes the limit loosened by the margin at the objective's alpha, by all rows.
    """
    metric = find_metric(objective.metric)
    chosen = choose_rows(data, seed, objective.slice, objective.cap)
    rows = answered.select(np.isin(answered.numbers, chosen))
    aim = Aim(None, objective.k)
    if objective.class_ in rows.classes:
        aim = Aim(rows.classes.index(objective.class_ or ""), objective.k)
    if problem := find_problem(metric, rows, labelled, chosen, data, objective):
        return make_inconclusive(problem, n=0)
    slices = _list_slices(metric, rows, aim, seed, objective.alpha)
    notes = (*list_notes(rows, data, seed), *labelled.list_notes())
    if metric.metric.name == "ece" and not metric.prepare(rows, aim).unjudged:
        slices, note = _describe_reliability(rows, aim)
        notes += (note,)
    verdict = judge_figure(metric, rows, aim, objective, check, seed, slices, notes)
    if "classes" in metric.needs and objective.slice is None and objective.class_ is None:
        verdict = refuse_one_class(verdict, [rows.classes[code] for code in np.unique(rows.labels)])
    return verdict


def judge_figure(
    metric: QualityMetric,
    rows: AnsweredRows,
    aim: Aim,
    objective: Objective,
    check: PlannedCheck,
    seed: int,
    slices: Iterable[Slice],
    notes: tuple[str, ...],
) -> Verdict:
    """The figure of these rows against the limit, shown with these slices and notes."""
    prepared = metric.prepare(rows, aim)
    if prepared.unjudged:
        return make_inconclusive(prepared.unjudged, n=0, notes=notes)
    alphas = _sort_alphas(objective, objective.alpha, check.alpha_fail or objective.alpha)
    bounds = prepared.find_bounds(alphas, seed)
    if rows.declined.any():
        bounds = _replace_failing_bound(bounds, metric, rows, aim, alphas, seed)
    fails = int(objective.direction == ">=")
    half, most = compute_misses_seen(prepared.estimate, bounds[fails], alphas[fails])
    is_end = min(abs(bounds[fails]), abs(bounds[fails] - 1)) < _ROUNDING
    if 0 < half < np.inf and not is_end:  # a bound that ends at 0 or 1 is no further away
        power = f"at {prepared.n} rows a model that misses the limit by {half:.2g} FAILs in half of all runs"
        notes += (f"{power}, by {most:.2g} in eight of ten",)
    shown = {
        "metric": metric.metric.title,
        "unit": objective.unit,
        "direction": objective.direction,
        "estimate": prepared.estimate,
        "ci": bounds,
        "confidence": 1 - objective.alpha,
        "method": metric.method,
        "n": prepared.n,
        "slices": tuple(islice(slices, _MOST_SLICES)),
        "notes": notes,
    }
    return decide_figure(objective, prepared.estimate, bounds, alphas, prepared.n, shown)


def compute_misses_seen(estimate: float, bound: float, alpha: float) -> tuple[float, float]:
    """By how much a figure must miss its limit to FAIL in half of all runs of this size, and in eight of ten.

    `bound` is the one that decides FAIL, at alpha: its distance from the estimate is a number of standard errors.
    """
    reach = abs(bound - estimate)
    return reach, reach * (1 + NormalDist().inv_cdf(0.8) / NormalDist().inv_cdf(1 - alpha))


def find_problem(
    metric: QualityMetric,
    rows: AnsweredRows,
    labelled: LabelledRows,
    chosen: Sequence[int],
    data: Dataset,
    objective: Objective,
) -> str:
    """Why there is no figure; empty if there is one."""
    name = metric.metric.name
    if data.labels is None:
        return f"the data have no labels, and {name} needs them"
    if not chosen:
        others = ", ".join(data.list_slices()[:20]) or "none"
        return f"the data hold no slice {objective.slice!r}; there are: {others}"
    if why := explain_unjudged(labelled, chosen):
        return why
    if problem := find_need_problem(metric, rows):
        return f"{name} {problem}"
    if labelled.mismatch and "classes" in metric.needs:
        return labelled.mismatch
    if objective.class_ is not None and objective.class_ not in rows.classes[: rows.label_count]:
        known = ", ".join(rows.classes[: min(rows.label_count, 20)])
        return f"no row is labelled {objective.class_!r}; there are: {known}"
    return ""


def find_need_problem(metric: QualityMetric, rows: AnsweredRows) -> str:
    """What the answers lack for this metric, after its name; empty if they have all it needs."""
    is_numeric = rows.labels.dtype.kind == "f"
    if "numbers" in metric.needs and not is_numeric:
        return "needs numbers as labels and answers: say so with [data] task = 'regression'"
    if "vectors" in metric.needs and rows.vectors is None:
        return "needs vectors or orders as answers: say so with [data] task = 'embedding' or 'ranking'"
    if "classes" in metric.needs and (is_numeric or rows.vectors is not None):
        return "needs classes as labels: whole numbers or text"
    if "scores" in metric.needs and rows.scores is None:
        return f"needs scores: {rows.no_scores}"
    return ""


def _sort_alphas(objective: Objective, alpha_pass: float, alpha_fail: float) -> Alphas:
    """The alphas of the lower and of the upper bound: of a figure that must be high, the lower one decides PASS."""
    return (alpha_pass, alpha_fail) if objective.direction == ">=" else (alpha_fail, alpha_pass)


def _replace_failing_bound(
    bounds: Bounds, metric: QualityMetric, rows: AnsweredRows, aim: Aim, alphas: Alphas, seed: int
) -> Bounds:
    """The bounds with the one that decides FAIL taken from the rows that were not declined."""
    others = metric.prepare(rows.select(~rows.declined), aim)
    is_high = metric.metric.direction == ">="
    if others.unjudged:
        return (bounds[0], np.inf) if is_high else (-np.inf, bounds[1])
    low, high = others.find_bounds(alphas, seed)
    return (bounds[0], max(bounds[1], high)) if is_high else (min(bounds[0], low), bounds[1])


def decide_figure(
    objective: Objective, estimate: float, bounds: Bounds, alphas: Alphas, n: int, evidence: dict[str, Any]
) -> Verdict:
    """The verdict on a figure with its bounds at `alphas`: FAIL refutes the limit, PASS the loosened one."""
    is_high = objective.direction == ">="
    limit, loosened = objective.budget, objective.loosened
    if is_high:
        limit, loosened = 1 - limit, 1 - loosened
    sign = 1.0 if is_high else -1.0
    passing, failing = bounds if is_high else bounds[::-1]
    figure = f"{evidence['metric']} {estimate:.4g}"
    status, conclusion = Status.INCONCLUSIVE, f"neither {limit:.4g} nor {loosened:.4g} is refuted"
    needed = None
    if sign * failing < sign * limit:
        side = "at most" if is_high else "at least"
        status, conclusion = Status.FAIL, f"it is {side} {failing:.4g}, and must be {objective.direction} {limit:.4g}"
    elif sign * passing > sign * loosened:
        status, conclusion = Status.PASS, f"{loosened:.4g} is refuted"
    else:
        alpha_pass, alpha_fail = alphas if is_high else alphas[::-1]
        needed = compute_rows_needed(n, estimate, passing, alpha_pass, loosened)
        if sign * estimate < sign * limit:
            needed = compute_rows_needed(n, estimate, failing, alpha_fail, limit)
    reason = f"{figure} over {n} rows: {conclusion}"
    return Verdict(status, reason, limit=limit, limit_loosened=loosened, n_needed=needed, **evidence)


def list_notes(rows: AnsweredRows, data: Dataset, seed: int) -> tuple[str, ...]:
    """What must be known of the rows beside the figure."""
    notes = [describe_population(len(data.inputs), seed)]
    if lacking := int(rows.failed.sum()):
        notes.append(f"{lacking} rows had no answer to read, and count as wrong as can be")
    if others := rows.classes[rows.label_count :]:
        answered = int((rows.predictions >= rows.label_count).sum())
        notes.append(f"{answered} answers are classes that no label has: {', '.join(others[:5])}")
    return tuple(notes)


def _list_slices(metric: QualityMetric, rows: AnsweredRows, aim: Aim, seed: int, alpha: float) -> Iterator[Slice]:
    """The figure of each class, then of each slice of the data: shown, not judged."""
    if metric.by_class and aim.of_class is None:
        part = find_metric(metric.by_class)
        for code in range(rows.label_count):
            yield from _make_slice(f"class {rows.classes[code]}", part.prepare(rows, Aim(code)), seed, alpha)
    for name, values in rows.columns.items():
        for value in np.unique(values):
            members: Flags = values == value
            if value and members.sum() >= _FEWEST:
                label = str(value) if name == "group" else f"{name}={value}"
                yield from _make_slice(label, metric.prepare(rows.select(members), aim), seed, alpha)


def _describe_reliability(rows: AnsweredRows, aim: Aim) -> tuple[Iterator[Slice], str]:
    """The bins by confidence, each with the share of right rows and where that of a calibrated model lies."""
    bins = measure_reliability(*find_confidence(rows, aim), rows.weights)
    columns = zip(bins.confidence, bins.n, bins.right, bins.low, bins.high, strict=True)
    slices = (
        Slice(f"confidence {mean:.3f}", round(n), float(right), (float(low), float(high)))
        for mean, n, right, low, high in columns
    )
    reliability, resolution, uncertainty = bins.decompose()
    parts = f"{reliability:.3g} reliability - {resolution:.3g} resolution + {uncertainty:.3g} uncertainty"
    calibrated = float(bins.null.mean())
    return slices, f"a calibrated model has an ECE of {calibrated:.3g} at this n; Brier score of the bins: {parts}"


def _make_slice(name: str, prepared: Prepared, seed: int, alpha: float) -> Iterator[Slice]:
    if not prepared.unjudged:
        yield Slice(name, prepared.n, prepared.estimate, prepared.find_bounds((alpha, alpha), seed))
