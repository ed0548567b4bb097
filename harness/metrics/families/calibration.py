"""Calibration: of rows answered with a confidence of 80 %, are 80 % right?

The confidence of a row is, of two classes, the probability of the second one (or of the class that is aimed at), else
that of the most probable class; of a language model that of its answer, by the log-probabilities. Rows are put into
bins of equal mass by their confidence; the expected calibration error (ECE) is the mean distance between the share of
right rows and the mean confidence of a bin. It is over 0 for a perfect model, too: by how much, the null says, whose
rows are right as often as the confidence states.

With b the true distances and e the noise, sum w|b + e| <= sum w|b| + sum w|e|: FAIL needs an ECE above the limit by
more than the null's quantile. And sum w|b + e| >= sum w|b| + sum w s e with the signs s of b: PASS needs an ECE under
the loosened limit by more than the normal quantile of that sum. Tested in tests/metrics/test_calibration.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from harness.metrics.answered_rows import AnsweredRows
from harness.metrics.families.probability import find_chance_problem
from harness.metrics.quality_metric import Aim, Prepared, QualityMetric, add_extremes, define_metric, prepare_unjudged
from harness.stats.resampling import Alphas, Bounds, Values

_MOST_BINS, _ROWS_IN_BIN, _DRAWS = 15, 20, 4000


@dataclass(frozen=True, eq=False)
class Reliability:
    """Bins of equal mass by confidence, each array of the shape (bins,).

    `n` are rows (of weighted ones the effective number), `shares` the weight of each bin, `confidence` its mean,
    `right` the share of right rows, `low` and `high` where 95 % of the null's bins are.
    """

    n: Values
    shares: Values
    confidence: Values
    right: Values
    low: Values
    high: Values
    null: Values

    @property
    def error(self) -> float:
        """The expected calibration error."""
        return float((self.shares * np.abs(self.right - self.confidence)).sum())

    def decompose(self) -> tuple[float, float, float]:
        """Murphy's parts of the Brier score of these bins: reliability - resolution + uncertainty (1973)."""
        mean = float((self.shares * self.right).sum())
        reliability = float((self.shares * (self.right - self.confidence) ** 2).sum())
        return reliability, float((self.shares * (self.right - mean) ** 2).sum()), mean * (1 - mean)


def find_confidence(rows: AnsweredRows, aim: Aim) -> tuple[Values, Values]:
    """The confidence of each row, and whether the class that it is confident of is the label (1.0) or not (0.0)."""
    if rows.scores is None:
        assert rows.confidence is not None
        return rows.confidence, rows.right.astype(float)
    scores = np.clip(rows.scores, 0.0, 1.0)
    of_class = aim.of_class
    if of_class is None and rows.label_count == 2:
        of_class = 1
    if of_class is not None:
        return scores[:, of_class], np.asarray(rows.labels == of_class, dtype=float)
    best = rows.scores.argmax(axis=1)
    return scores[np.arange(len(rows)), best], np.asarray(best == rows.labels, dtype=float)


def measure_reliability(confidence: Values, right: Values, weights: Values) -> Reliability:
    """The bins of these rows: as many as have 20 rows each, 15 at most; equal confidences are never torn apart."""
    bins = max(1, min(_MOST_BINS, len(confidence) // _ROWS_IN_BIN))
    edges = np.unique(np.quantile(confidence, np.arange(1, bins) / bins))
    places = np.unique(np.searchsorted(edges, confidence, side="left"), return_inverse=True)[1]
    mass = np.bincount(places, weights)
    n = mass**2 / np.bincount(places, weights**2)
    shares, mean = mass / mass.sum(), np.bincount(places, weights * confidence) / mass
    drawn = np.random.default_rng(0).binomial(np.rint(n).astype(int), mean, (_DRAWS, len(n))) / np.rint(n)
    low, high = np.quantile(drawn, (0.025, 0.975), axis=0)
    observed = np.bincount(places, weights * right) / mass
    null = (np.abs(drawn - mean) * shares).sum(axis=1)
    return Reliability(n, shares, mean, observed, low, high, null)


def prepare_ece(rows: AnsweredRows, aim: Aim) -> Prepared:
    """The expected calibration error, ready to be bounded."""
    if problem := _find_problem(rows, aim):
        return prepare_unjudged(problem)
    if len(rows) < 2 * _ROWS_IN_BIN:
        return prepare_unjudged(f"{len(rows)} rows are too few: bins of {_ROWS_IN_BIN} rows are compared")
    reliability = measure_reliability(*find_confidence(rows, aim), rows.weights)

    def find_own_bounds(alphas: Alphas) -> Bounds:
        smoothed = (reliability.right * reliability.n + 1) / (reliability.n + 2)
        noise = np.sqrt((reliability.shares**2 * smoothed * (1 - smoothed) / reliability.n).sum())
        low = reliability.error - float(np.quantile(reliability.null, 1 - alphas[0]))
        return max(0.0, low), reliability.error + NormalDist().inv_cdf(1 - alphas[1]) * float(noise)

    def compute(weights: Values) -> Values:
        return np.full(len(weights), reliability.error)

    return Prepared(compute, add_extremes(rows.weights), len(rows), find_own_bounds)


def _find_problem(rows: AnsweredRows, aim: Aim) -> str:
    """Why there is no confidence; empty if there is one: of all classes, or of the answered one alone."""
    if problem := find_chance_problem("ece", rows):
        return problem
    lacks_scores = rows.scores is None and aim.of_class is not None
    return "ece of one class needs the scores of all classes" if lacks_scores else ""


FAMILY = (
    QualityMetric(
        define_metric(
            "ece",
            "ECE",
            "the mean distance between confidence and share of right rows, in bins of equal mass",
            "class",
            direction="<=",
        ),
        ("classes",),
        prepare_ece,
        "the null of a calibrated model at this n",
    ),
)
