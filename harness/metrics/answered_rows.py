"""AnsweredRows: what the service answered to the labelled rows, as columns of equal length.

The rows are asked once a run (the measurement `LABELLED_ROWS` of the suite), and every figure of model validation is a
pure function of this record: accuracy and every other metric, slices, fairness, calibration, drift, a comparison with
the answers of another run or endpoint. A check of the suite gets it so:

    @check("...", grounds=("data",), measures=(LABELLED_ROWS,))
    def test_mine(ai_measure: Measurements, ai_run: GateRun) -> Verdict:
        rows = read_answered_rows(ai_measure(LABELLED_ROWS), ai_run)    # harness/run/answered_rows.py
        rows = rows.choose_population()         # the sample of all data; rows of slices that were asked besides are out
        by_group = {value: rows.select(rows.columns["age"] == value) for value in np.unique(rows.columns["age"])}

A row that failed (`failed`) stands in every column as an answer that is wrong as can be: another class than any label,
the lowest score for its label and the highest for the others, the number of the labels' range that is furthest from its
label. So a figure needs no rule of its own for failures. What failed with a 429, or spent its tokens on thinking
(`declined`), does not show whether it is wrong: a FAIL must not rest on it (`rows.select(~rows.declined)`), a PASS
counts it as wrong.

In the run directory the answers are `validation/answers.jsonl`, one line a request, without the data's own columns.

Tested in tests/metrics/test_answered_rows.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.stats.resampling import Values

Codes = NDArray[np.int64]
Flags = NDArray[np.bool_]

NO_CLASS = -1
"""The predicted class of a row without an answer."""


@dataclass(frozen=True, eq=False)
class AnsweredRows:
    """n answered rows.

    `numbers` are their places in the data. Of classes, `labels` and `predictions` are places in `classes` (those of the
    labels first, `label_count` of them, then those that were answered besides), and `scores` has the shape
    (n, label_count): the score of each class, None where the answers have none or it is not known whose they are
    (`no_scores` says why). `confidence`, shape (n,), is the probability of each answered class where the answers state
    that one alone, as a language model's log-probabilities do. Of a regression, `labels` and `predictions` are numbers,
    and `classes` is empty. Of an embedding, `labels` are classes and `vectors` has the shape (n, dimension);
    of a ranking (`is_ranking`) it has the grade of the document at each rank, NaN after the last one.

    `columns` are the data's slice and sensitive columns by name, as text; `weights` how much each row counts, 1 by
    default. `population` says which rows belong to the sample of all data; others were asked for a slice alone.
    """

    numbers: Codes
    labels: NDArray[Any]
    predictions: NDArray[Any]
    failed: Flags
    declined: Flags
    weights: Values
    population: Flags
    classes: tuple[str, ...] = ()
    label_count: int = 0
    scores: Values | None = None
    no_scores: str = ""
    confidence: Values | None = None
    vectors: Values | None = None
    is_ranking: bool = False
    columns: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    sensitive: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def right(self) -> Flags:
        """Which rows are answered with their label."""
        return np.asarray(self.labels == self.predictions)

    def select(self, rows: Flags | Codes) -> AnsweredRows:
        """These rows, given as a mask or as places; a mask that leaves none out gives the record itself."""
        if rows.dtype == bool and rows.all():
            return self
        parts: dict[str, Any] = {"columns": dict(self.columns)}
        for name, values in self.columns.items():
            parts["columns"][name] = values[rows]
        for column in fields(self):
            values = getattr(self, column.name)
            if isinstance(values, np.ndarray):
                parts[column.name] = values[rows]
        return replace(self, **parts)

    def choose_population(self) -> AnsweredRows:
        """The rows that are a sample of all data."""
        return self.select(self.population)


def make_answered_rows(labels: NDArray[Any], predictions: NDArray[Any], **given: Any) -> AnsweredRows:
    """Rows of these labels and predictions, all answered and of equal weight where nothing else is given."""
    n = len(labels)
    classes = given.pop("classes", ())
    defaults: dict[str, Any] = {
        "numbers": np.arange(n),
        "failed": np.zeros(n, bool),
        "declined": np.zeros(n, bool),
        "weights": np.ones(n),
        "population": np.ones(n, bool),
        "classes": classes,
        "label_count": len(classes),
    }
    return AnsweredRows(labels=labels, predictions=predictions, **{**defaults, **given})
