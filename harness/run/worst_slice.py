"""Whether the model is much worse for a part of the rows: each slice of one column, or of two, against the rest.

Of classes the share of wrong rows is compared, of numbers the share of errors over that of nine rows in ten. FAIL
refutes "at most the margin worse" for a slice, with Holm's correction (1979) for all that are searched. PASS refutes
"twice the margin worse" for each of them, which needs no correction.

Tested in tests/suites/validation/test_worst_slice.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np

from harness.core.verdict import ALPHA, Slice, Status, Verdict, make_inconclusive
from harness.metrics.answered_rows import AnsweredRows, Flags
from harness.run.labelled_rows import LabelledRows, explain_unjudged
from harness.run.rate_judging import make_slice
from harness.stats.difference import SampleCounts, judge_difference
from harness.stats.sequential import MIN_EXCEEDANCES

FEWEST_ROWS = 50
"""Rows of a slice, and of the rest, without which it is not judged."""
_TOLERANCE, _LARGE, _MOST_SHOWN = 2.0, 0.9, 20


class _SliceTest(NamedTuple):
    """A slice, its counts against those of the rest, and p of "at most the margin worse"."""

    name: str
    counts: SampleCounts
    p: float


def judge_worst_slice(rows: AnsweredRows, labelled: LabelledRows, columns: tuple[str, ...], margin: float) -> Verdict:
    """The verdict over all slices of these columns that have enough rows; `margin` is a difference of shares."""
    problem = explain_unjudged(labelled, [int(number) for number in rows.numbers]) or labelled.mismatch
    if rows.vectors is not None:
        problem = "slices of embeddings are not compared"
    if problem:
        return make_inconclusive(problem, n=0)
    rows = rows.select(~rows.declined)  # a 429 does not show whether the row is wrong
    wrong, what = mark_wrong_rows(rows)
    tests, few = [], []
    for name, members in _list_slices(rows, columns):
        n, rest = int(members.sum()), int((~members).sum())
        if min(n, rest) < FEWEST_ROWS:
            few.append(name)
            continue
        counts = SampleCounts(n, int(wrong[members].sum()), rest, int(wrong[~members].sum()))
        p = counts.compute_tails(margin)[1] if counts.over >= MIN_EXCEEDANCES else 1.0
        tests.append(_SliceTest(name, counts, p))
    notes = [f"slices of {', '.join(columns)}, and of each two of them, with at least {FEWEST_ROWS} rows"]
    if few:
        notes.append(f"{len(few)} slices have fewer, or nearly all rows, and are not judged: {', '.join(few[:10])}")
    judged = {test.name.partition("=")[0] for test in tests}
    if unjudged := [column for column in columns if column not in judged]:
        reason = f"no slice of {unjudged[0]} has enough rows to be judged"
        return make_inconclusive(reason, n=len(rows), notes=tuple(notes))
    return _judge_tests(sorted(tests, key=lambda test: test.p), len(rows), margin, what, tuple(notes))


def mark_wrong_rows(rows: AnsweredRows) -> tuple[Flags, str]:
    """The rows whose class is wrong, or the tenth whose numbers are furthest from their labels; and in words."""
    if rows.labels.dtype.kind != "f":
        return ~rows.right, "wrong"
    errors = np.abs(rows.labels - rows.predictions)
    return errors > np.quantile(errors, _LARGE), "among the tenth with the largest errors"


def _list_slices(rows: AnsweredRows, columns: tuple[str, ...]) -> Iterator[tuple[str, Flags]]:
    """Every slice of one column and of two, by its name and its members."""
    single: dict[str, list[tuple[str, Flags]]] = {}
    for column in columns:
        values = rows.columns[column]
        parts = [(f"{column}={value}", values == value) for value in np.unique(values) if value]
        yield from parts
        single[column] = parts
    for first, second in combinations(single.values(), 2):
        for name, members in first:
            for other, others in second:
                if (members & others).any():
                    yield f"{name} and {other}", members & others


def _judge_tests(tests: list[_SliceTest], n: int, margin: float, what: str, notes: tuple[str, ...]) -> Verdict:
    """The verdict over the tests, by rising p."""
    worst = max(tests, key=lambda test: (-test.p, test.counts.estimate))
    adjusted = min(1.0, worst.p * len(tests))
    refuted = 0
    while refuted < len(tests) and tests[refuted].p * (len(tests) - refuted) <= ALPHA:
        refuted += 1
    loosened = margin * _TOLERANCE
    decision = judge_difference(worst.counts, loosened, ALPHA, ALPHA)
    gap = f"{worst.name}: {worst.counts.over} of {worst.counts.n} rows are {what}"
    gap += f", of the others {worst.counts.baseline_over} of {worst.counts.baseline_n}"
    undecided = [test for test in tests if test.counts.compute_tails(loosened)[0] > ALPHA]
    status = Status.PASS
    reason = f"no slice of {len(tests)} is {loosened * 100:.3g} points worse than the rest; the worst is {gap}"
    needed = None
    if refuted:
        status, reason = Status.FAIL, f"{gap}: over {margin * 100:.3g} points worse"
        notes += (f"so are {', '.join(test.name for test in tests[1:refuted])}",) if refuted > 1 else ()
    elif undecided:
        least = min(undecided, key=lambda test: test.counts.n)
        status = Status.INCONCLUSIVE
        reason = f"{len(undecided)} of {len(tests)} slices have too few rows to show it, such as {least.name}"
        share = judge_difference(least.counts, loosened, ALPHA, ALPHA).n_needed
        needed = round(share * n / least.counts.n) if share else None
    return Verdict(
        status,
        reason,
        metric="gap of the worst slice",
        unit="",
        direction="<=",
        estimate=worst.counts.estimate,
        ci=(decision.lower, decision.upper),
        confidence=1 - ALPHA,
        method=f"exact score test against the rest, Holm over {len(tests)} slices",
        n=n,
        n_needed=needed,
        limit=margin,
        limit_loosened=loosened,
        p_adj=adjusted,
        slices=tuple(_show(test) for test in tests[:_MOST_SHOWN]),
        notes=notes,
    )


def _show(test: _SliceTest) -> Slice:
    return make_slice(test.name, test.counts.over, test.counts.n, ALPHA)
