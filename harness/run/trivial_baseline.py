"""Whether the model knows more of a row than the labels' shares do: better than an answer that needs no input.

Any constant answer, and any that is drawn at random, is right in 1/K of each of K classes on average; the mean of the
labels explains nothing of a regression; a random order finds each neighbour with the same chance. Tested in
tests/suites/validation/test_worst_slice.py.
"""

from __future__ import annotations

import numpy as np

from harness.core.verdict import ALPHA, Status, Verdict, make_inconclusive
from harness.metrics.answered_rows import AnsweredRows
from harness.metrics.quality_metric import Aim, find_metric
from harness.run.labelled_rows import LabelledRows, explain_unjudged

_MARGIN = 0.02
"""By how much the figure must be better: a FAIL refutes that it is."""
_NEIGHBOURS = 5


def name_order_figure(rows: AnsweredRows) -> str:
    """The figure by which orders are judged: a query of few documents has all of them among the first."""
    return "ndcg_at_k" if rows.is_ranking else "recall_at_k"


def judge_trivial_baseline(rows: AnsweredRows, labelled: LabelledRows, seed: int) -> Verdict:
    """FAIL refutes "better by two points", PASS refutes "no better", each at 95 %."""
    name, aim, words = "balanced_accuracy", Aim(), "any constant answer"
    if rows.vectors is not None:
        name, aim, words = name_order_figure(rows), Aim(k=_NEIGHBOURS), "a random order"
    elif rows.labels.dtype.kind == "f":
        name, words = "r2", "the mean of all labels"
    elif len(rows) and len(np.unique(rows.labels)) < 2:
        return make_inconclusive("all labels are one class: a constant answer would be right in every row", n=0)
    problem = explain_unjudged(labelled, [int(number) for number in rows.numbers]) or labelled.mismatch
    metric = find_metric(name)
    prepared = metric.prepare(rows, aim)
    if problem or prepared.unjudged or not len(rows):
        return make_inconclusive(problem or prepared.unjudged or "no row was asked", n=0)
    trivial = 0.0
    if rows.vectors is not None and metric.trivial:
        trivial = metric.trivial(rows, aim).estimate
    elif name == "balanced_accuracy":
        trivial = 1 / len(np.unique(rows.labels))
    low, high = prepared.find_bounds((ALPHA, ALPHA), seed)
    if rows.declined.any():  # they may be right
        high = 1.0
    status = Status.INCONCLUSIVE
    figures = (
        f"{metric.metric.title} {prepared.estimate:.3g} over {prepared.n} rows, and that of {words} is {trivial:.3g}"
    )
    reason = f"it is not shown that the answers depend on the input: {figures}"
    if high < trivial + _MARGIN:
        status, reason = Status.FAIL, f"the answers are no better than if nobody read the input: {figures}"
    elif low > trivial:
        status, reason = Status.PASS, f"the answers are better than if nobody read the input: {figures}"
    return Verdict(
        status,
        reason,
        metric=metric.metric.title,
        unit="",
        direction=">=",
        estimate=prepared.estimate,
        ci=(low, high),
        confidence=1 - ALPHA,
        method=metric.method,
        n=prepared.n,
        limit=trivial + _MARGIN,
        limit_loosened=trivial,
    )
