"""Read the answers to the labelled rows back from the run directory, as the columns of `AnsweredRows`.

Tested in tests/suites/validation/test_quality.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from harness.core.dataset import Dataset
from harness.metrics.answered_rows import NO_CLASS, AnsweredRows, Codes, Flags, make_answered_rows
from harness.run.gate_run import GateRun
from harness.run.labelled_rows import ANSWERS, LabelledRows, choose_rows
from harness.run.row_asking import RowBatch, RowState
from harness.stats.resampling import Values

_STATES = tuple(RowState)
_AGREE = 0.9
"""The share of rows whose answered label must be that of their highest score, for the scores to be theirs."""


def read_answered_rows(labelled: LabelledRows, run: GateRun) -> AnsweredRows:
    """The answered rows of this run, in the order in which `labelled` was asked.

    Raises `HarnessError` as the measurement does.
    """
    data = run.settings.data
    assert data is not None
    assert data.dataset is not None
    sample = run.settings.seed, run.settings.profile.items
    return _read_rows(data.dataset, labelled.asked, labelled.spent, sample, run.run_dir.path / ANSWERS)


@lru_cache(maxsize=1)
def _read_rows(
    data: Dataset, asked: tuple[int, ...], spent: tuple[int, ...], sample: tuple[int, int], path: Path
) -> AnsweredRows:
    """The columns of one file of answers, which every check of a process reads."""
    population = choose_rows(data, sample[0], None, sample[1])
    rows = build_answered_rows(data, asked, population, read_batches(path))
    # What a model thought until its limit of tokens was spent does not show whether it would have been right.
    return replace(rows, declined=rows.declined | np.isin(rows.numbers, spent))


def read_batches(path: Path) -> Iterator[RowBatch]:
    """What each request brought, in the order in which they ended; none where nothing was asked."""
    if path.exists():
        decoder = msgspec.json.Decoder(RowBatch)
        with path.open("rb") as file:
            yield from map(decoder.decode, file)


class _Columns:
    """The answers of the asked rows as columns, in the order in which they were asked.

    `states` are places in `_STATES`, `labels` places in `names` (-1: none), `values` the numbers answered, and
    `rows` the scores or vectors, of the shape (n, width) with the first width that came; `widths` are all that came.
    """

    def __init__(self, asked: Sequence[int], size: int) -> None:
        n = len(asked)
        self._places = np.full(size, -1, dtype=np.int64)
        self._places[np.asarray(asked, dtype=np.int64)] = np.arange(n)
        self.states = np.full(n, _STATES.index(RowState.FAILED), dtype=np.int8)
        self.labels, self.values = np.full(n, NO_CLASS, dtype=np.int64), np.full(n, np.nan)
        self.confidence = np.full(n, np.nan)
        self.names: dict[str, int] = {}
        self.rows: Values | None = None
        self.widths: set[int] = set()

    def fill(self, batch: RowBatch) -> None:
        """Put in what one request brought."""
        places = self._places[np.asarray(batch.rows)]
        is_asked = places >= 0
        places = places[is_asked]
        self.states[places] = _STATES.index(batch.state)
        if batch.labels:
            codes = [self.names.setdefault(label, len(self.names)) for label in batch.labels]
            self.labels[places] = np.asarray(codes)[is_asked]
        if batch.confidence is not None:
            self.confidence[places] = batch.confidence
        if batch.numbers:
            self.values[places] = np.asarray(batch.numbers)[is_asked]
        rows = batch.scores or batch.vectors
        if rows:
            widths = set(map(len, rows))
            self.widths |= widths
            if self.rows is None:
                self.rows = np.full((len(self.states), len(rows[0])), np.nan)
            if widths == {self.rows.shape[1]}:
                self.rows[places] = np.asarray(rows)[is_asked]


def build_answered_rows(
    data: Dataset, asked: Sequence[int], population: Iterable[int], batches: Iterable[RowBatch]
) -> AnsweredRows:
    """The columns of the asked rows, in their order: labels of the data, what the batches hold, failures filled in."""
    columns = _Columns(asked, len(data.inputs))
    rankings: dict[int, tuple[float, ...]] = {}
    kind = data.answers  # looks at every label
    for batch in batches:
        columns.fill(batch)
        if kind == "ranking" and batch.scores:
            rankings[batch.rows[0]] = batch.scores[0]
    numbers = np.array(asked, dtype=np.int64)
    failed: Flags = np.not_equal(columns.states, _STATES.index(RowState.ANSWERED))
    shared: dict[str, Any] = {
        "numbers": numbers,
        "failed": failed,
        "declined": np.equal(columns.states, _STATES.index(RowState.DECLINED)),
        "population": np.isin(numbers, np.fromiter(population, np.int64)),
        "columns": {name: np.array([values[n] for n in asked], dtype=np.str_) for name, values in _list_columns(data)},
        "sensitive": data.sensitive,
    }
    if data.weights is not None:
        shared["weights"] = np.array(data.weights, dtype=float)[numbers]
    if data.labels is None:
        return _build_unlabelled_rows(columns, data.asked_for, shared)
    if kind == "numbers":
        labels = np.array([float(data.labels[number]) for number in asked])
        return make_answered_rows(labels, _fill_numbers(labels, columns.values), **shared)
    if kind == "ranking":
        gains, lost = _rank_grades([data.labels[number] for number in asked], [rankings.get(n) for n in asked])
        shared["failed"] = failed | lost
        nothing = np.full(len(asked), NO_CLASS)
        return make_answered_rows(nothing, nothing, vectors=gains, is_ranking=True, **shared)
    classes = data.classes or tuple(sorted(map(str, set(data.labels)), key=_sort_key))
    codes = {name: code for code, name in enumerate(classes)}
    if kind == "vectors":
        coded = _code_labels(data.labels, asked, codes)
        vectors, lost = _fill_vectors(columns, failed)
        shared["failed"] = lost
        return make_answered_rows(coded, np.full(len(asked), NO_CLASS), classes=classes, vectors=vectors, **shared)
    label_count = len(classes)
    for label in sorted(set(columns.names) - set(codes), key=_sort_key):
        codes[label] = len(codes)
    meanings = np.array([codes[label] for label in columns.names] + [NO_CLASS], dtype=np.int64)
    coded, predictions = _code_labels(data.labels, asked, codes), meanings[columns.labels]
    return make_answered_rows(
        coded,
        predictions,
        classes=tuple(codes),
        label_count=label_count,
        **_place_scores(columns, classes, coded, predictions, is_ordered=bool(data.classes)),
        confidence=_fill_confidence(columns.confidence, failed),
        **shared,
    )


def _code_labels(labels: Sequence[Any], asked: Sequence[int], codes: Mapping[str, int]) -> Codes:
    """The code of the label of each asked row."""
    return np.fromiter((codes[str(labels[number])] for number in asked), np.int64, len(asked))


def _build_unlabelled_rows(columns: _Columns, kind: str, shared: dict[str, Any]) -> AnsweredRows:
    """The answers to rows without labels, which show how they are distributed, and not whether they are right."""
    nothing = np.full(len(columns.labels), NO_CLASS)
    if kind == "numbers":
        return make_answered_rows(np.zeros(len(nothing)), np.nan_to_num(columns.values), **shared)
    if kind == "vectors":
        vectors, shared["failed"] = _fill_vectors(columns, shared["failed"])
        return make_answered_rows(nothing, nothing, vectors=vectors, **shared)
    classes = tuple(sorted(columns.names, key=_sort_key))
    codes = np.array([classes.index(name) for name in columns.names] + [NO_CLASS], dtype=np.int64)
    scores = columns.rows if columns.rows is not None and len(columns.widths) == 1 else None
    rows = make_answered_rows(nothing, codes[columns.labels], classes=classes, scores=scores, **shared)
    return replace(rows, label_count=0)


def _list_columns(data: Dataset) -> list[tuple[str, Sequence[str]]]:
    groups = [("group", data.groups)] if data.groups else []
    return [*groups, *data.columns.items()]


def _sort_key(label: str) -> tuple[bool, float, str]:
    """Numbers by size, then names."""
    try:
        return False, float(label), label
    except ValueError:
        return True, 0.0, label


def _fill_numbers(labels: Values, values: Values) -> Values:
    """The numbers answered; where there is none, the end of the labels' range that is further from the label."""
    low, high = labels.min(initial=np.inf), labels.max(initial=-np.inf)
    furthest = np.where(labels - low > high - labels, low, high)
    return np.where(np.isnan(values), furthest, values)


def _fill_vectors(columns: _Columns, failed: Flags) -> tuple[Values, Flags]:
    """The vectors, zero where there is none or one of another length than the first; and the rows that have none."""
    vectors = np.full((len(failed), 1), np.nan) if columns.rows is None else columns.rows
    return np.nan_to_num(vectors), failed | np.isnan(vectors).any(axis=1)


def _rank_grades(grades: Sequence[Sequence[float]], rankings: Sequence[Sequence[float] | None]) -> tuple[Values, Flags]:
    """The grade of the document at each rank, NaN after the last one; and the queries without a score for each.

    Documents of equal scores, and all of a query that has none, are in the worst order.
    """
    gains = np.full((len(grades), max(map(len, grades), default=1)), np.nan)
    lost = np.zeros(len(grades), bool)
    for place, (own, scores) in enumerate(zip(grades, rankings, strict=True)):
        if scores is None or len(scores) > len(own):
            lost[place], scores = True, ()
        lowest = min(scores, default=0.0) - 1.0
        keys = [*scores, *[lowest] * (len(own) - len(scores))]
        ranked = sorted(zip(keys, own, strict=True), key=lambda document: (-document[0], document[1]))
        gains[place, : len(own)] = [grade for _, grade in ranked]
    return gains, lost


def _fill_confidence(confidence: Values, failed: Flags) -> Values | None:
    """The confidence of each row, full where one failed; None unless every answered row states it."""
    given = ~np.isnan(confidence)
    if not given.any() or not (given | failed).all():
        return None
    return np.where(failed, 1.0, confidence)


def _place_scores(
    columns: _Columns, classes: Sequence[str], labels: Codes, predictions: Codes, *, is_ordered: bool
) -> dict[str, Any]:
    """The scores of each class, as fields of `AnsweredRows`: (n, classes), or why there are none.

    `is_ordered`: the configuration says in which order they come, whatever labels stand beside them.

    A row without scores has the lowest for its label and the highest for every other class.
    """
    if columns.rows is None:
        return {"no_scores": "the answers hold no scores: a list of a number for each class"}
    if columns.widths != {len(classes)}:
        widths = ", ".join(map(str, sorted(columns.widths)))
        return {"no_scores": f"the answers hold {widths} scores for a row, and the labels are {len(classes)} classes"}
    given = np.asarray(~np.isnan(columns.rows).any(axis=1))
    own = np.arange(len(classes))
    order: Codes | None = own
    if not is_ordered:
        order = _order_classes(columns.rows.argmax(axis=1)[given], predictions[given], len(classes))
    if order is None:
        advice = "name the classes in the order of the scores: [data] classes = [...]"
        problem = "it is not known which class each score is of, since the label is often not the highest"
        return {"no_scores": f"{problem}; {advice}"}
    scores = columns.rows if np.array_equal(order, own) else columns.rows[:, order]
    if given.all():
        return {"scores": scores}
    worst = np.where(np.arange(len(classes)) == labels[:, None], -np.inf, np.inf)
    return {"scores": np.where(given[:, None], scores, worst)}


def _order_classes(highest: Codes, predictions: Codes, count: int) -> Codes | None:
    """Of each class, the column of its score; None where that is not known.

    It is the one that is highest where the class is answered; the classes' own order where that agrees.
    """
    votes = np.zeros((count, count), dtype=np.int64)
    known = (predictions >= 0) & (predictions < count)
    np.add.at(votes, (predictions[known], highest[known]), 1)
    own, order = np.arange(count), votes.argmax(axis=1)
    if np.trace(votes) >= _AGREE * votes.sum() > 0:
        return own
    agreeing = votes[own, order].sum()
    return order if sorted(order) == own.tolist() and agreeing >= _AGREE * votes.sum() > 0 else None
