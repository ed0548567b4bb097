"""Whether the newest rows are answered worse than those before, or the quality falls over the whole time.

The newest fifth is compared with all earlier rows, and a straight line through all of them shows a slow decline. FAIL
refutes "at most the margin worse" of one of the two, which share the error rate; PASS refutes "twice the margin worse"
of both. Of classes the share of wrong rows is compared, of numbers the share of errors over that of nine rows in ten.

Tested in tests/suites/validation/test_degradation.py.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from harness.core.dataset import Dataset
from harness.core.drift import DriftSettings
from harness.core.verdict import ALPHA, Status, Verdict, make_inconclusive
from harness.metrics.answered_rows import AnsweredRows, Flags
from harness.run.drift import judge_answer_drift
from harness.run.labelled_rows import LabelledRows, explain_unjudged
from harness.run.rate_judging import make_slice
from harness.run.worst_slice import FEWEST_ROWS, mark_wrong_rows
from harness.stats.difference import SampleCounts, judge_difference
from harness.stats.resampling import Values
from harness.stats.sequential import MIN_EXCEEDANCES

_PARTS, _TOLERANCE = 5, 2.0


def find_newest(times: Values) -> Flags:
    """The newest fifth of these times; rows of one time are not torn apart, and all equal ones have no newest."""
    first = np.sort(times)[len(times) * (_PARTS - 1) // _PARTS]
    return np.asarray(times >= first if first > times.min() else times > first)


def get_times(rows: AnsweredRows, data: Dataset) -> Values:
    """The time of each row."""
    assert data.times is not None
    return np.asarray(data.times, float)[rows.numbers]


def _find_problem(rows: AnsweredRows, labelled: LabelledRows, newest: Flags) -> str:
    if problem := explain_unjudged(labelled, [int(number) for number in rows.numbers]) or labelled.mismatch:
        return problem
    if not newest.any():
        return "all rows have one time: none is newer than the others"
    if min(newest.sum(), (~newest).sum()) < FEWEST_ROWS:
        return f"{newest.sum()} newest rows and {(~newest).sum()} before are too few: {FEWEST_ROWS} of each are needed"
    return ""


def judge_decline(rows: AnsweredRows, labelled: LabelledRows, data: Dataset, margin: float) -> Verdict:
    """The verdict on the quality over time; `margin` is a difference of shares."""
    if rows.vectors is not None:
        return make_inconclusive("the quality of embeddings is not followed over time, only their distribution", n=0)
    rows = rows.select(~rows.declined)
    if not len(rows):
        return make_inconclusive("every row was declined with 429", n=0)
    times = get_times(rows, data)
    newest = find_newest(times)
    if problem := _find_problem(rows, labelled, newest):
        return make_inconclusive(problem, n=len(rows))
    wrong, what = mark_wrong_rows(rows)
    n, rest, loosened = int(newest.sum()), int((~newest).sum()), margin * _TOLERANCE
    counts = SampleCounts(n, int(wrong[newest].sum()), rest, int(wrong[~newest].sum()))
    decision = judge_difference(counts, loosened, ALPHA, ALPHA / 2)
    change, error = _fit_line(times, wrong)
    z_fail, z_pass = NormalDist().inv_cdf(1 - ALPHA / 2), NormalDist().inv_cdf(1 - ALPHA)
    step = f"{counts.over} of the {n} newest rows are {what}, of the {rest} before {counts.baseline_over}"
    trend = f"over all rows the share of those that are {what} changes by {change * 100:+.1f} points from first to last"
    status, reason, needed = Status.INCONCLUSIVE, f"too few rows show whether the quality falls: {step}", None
    if counts.over >= MIN_EXCEEDANCES and counts.compute_tails(margin)[1] <= ALPHA / 2:
        status, reason = Status.FAIL, f"the newest rows are answered over {margin * 100:.3g} points worse: {step}"
    elif change - z_fail * error > margin:
        status, reason = Status.FAIL, f"the quality falls by over {margin * 100:.3g} points: {trend}"
    elif counts.compute_tails(loosened)[0] <= ALPHA and change + z_pass * error < loosened:
        status, reason = Status.PASS, f"the newest rows are not {loosened * 100:.3g} points worse: {step}"
    else:
        share = judge_difference(counts, loosened, ALPHA, ALPHA).n_needed
        needed = round(share * len(rows) / n) if share else None
    order = np.argsort(times, kind="stable")
    parts = [
        make_slice(f"part {k + 1} of {_PARTS}", int(wrong[p].sum()), len(p), ALPHA)
        for k, p in enumerate(np.array_split(order, _PARTS))
    ]
    return Verdict(
        status,
        reason,
        metric="decline of the newest rows",
        unit="",
        direction="<=",
        estimate=counts.estimate,
        ci=(decision.lower, decision.upper),
        confidence=1 - ALPHA,
        method="exact score test of the newest fifth against the rest; least squares over all rows",
        n=len(rows),
        n_needed=needed,
        limit=margin,
        limit_loosened=loosened,
        slices=tuple(parts),
        notes=(trend, "parts of equally many rows, from the oldest to the newest; each stands for what was asked then"),
    )


def _fit_line(times: Values, wrong: Flags) -> tuple[float, float]:
    """The change of the share of wrong rows from the first to the last row by least squares, and its standard error.

    Rows stand in the order of their times, equal times at one place; errors may differ from row to row (White 1980).
    """
    _, places, counts = np.unique(times, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    x = ((ends - (counts + 1) / 2) / (len(times) - 1))[places]
    x = x - x.mean()
    slope = float((x * wrong).sum() / (x**2).sum())
    residuals = wrong - wrong.mean() - slope * x
    scale = len(times) / (len(times) - 2)
    return slope, float(np.sqrt((x**2 * residuals**2).sum() * scale) / (x**2).sum())


def judge_newest_answers(
    rows: AnsweredRows, labelled: LabelledRows, data: Dataset, settings: DriftSettings, seed: int
) -> Verdict:
    """Whether the newest answers are distributed as those before."""
    newest = find_newest(get_times(rows, data))
    if problem := _find_problem(rows, labelled, newest):
        return make_inconclusive(problem, n=len(rows))
    notes = ("the newest fifth of the rows against all before",)
    return judge_answer_drift(rows.select(~newest), rows.select(newest), settings, seed, "the newest answers", notes)
