"""Read the answers to the labelled rows back from the run directory, as the columns of `AnsweredRows`.

Tested in tests/suites/validation/test_quality.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from harness.core.dataset import Dataset
from harness.metrics.answered_rows import NO_CLASS, AnsweredRows, Codes, make_answered_rows
from harness.run.gate_run import GateRun
from harness.run.labelled_rows import ANSWERS, LabelledRows, choose_rows
from harness.run.row_asking import RowBatch, RowState
from harness.stats.resampling import Values

_AGREE = 0.9
"""The share of rows whose answered label must be that of their highest score, for the scores to be theirs."""


def read_answered_rows(labelled: LabelledRows, run: GateRun) -> AnsweredRows:
    """The answered rows of this run, in the order in which `labelled` was asked.

    Raises `HarnessError` as the measurement does.
    """
    data = run.settings.data
    assert data is not None
    assert data.dataset is not None
    population = choose_rows(data.dataset, run.settings.seed, None, run.settings.profile.items)
    batches = read_batches(run.run_dir.path / ANSWERS)
    rows = build_answered_rows(data.dataset, labelled.asked, population, batches)
    # What a model thought until its limit of tokens was spent does not show whether it would have been right.
    return replace(rows, declined=rows.declined | np.isin(rows.numbers, labelled.spent))


def read_batches(path: Path) -> Iterator[RowBatch]:
    """What each request brought, in the order in which they ended; none where nothing was asked."""
    if path.exists():
        decoder = msgspec.json.Decoder(RowBatch)
        with path.open("rb") as file:
            yield from map(decoder.decode, file)


@dataclass(slots=True)
class _Columns:
    """The answers of the asked rows as columns; `places` are those of the rows by their number in the data."""

    places: dict[int, int]
    states: list[RowState]
    labels: list[str | None]
    values: list[float]
    scores: list[tuple[float, ...] | None]
    vectors: list[tuple[float, ...] | None]
    widths: Counter[int] = field(default_factory=Counter)

    @classmethod
    def make(cls, asked: Sequence[int]) -> _Columns:
        """Columns in which no row is answered yet."""
        n = len(asked)
        places = {number: place for place, number in enumerate(asked)}
        return cls(places, [RowState.FAILED] * n, [None] * n, [np.nan] * n, [None] * n, [None] * n)

    def fill(self, batch: RowBatch) -> None:
        """Put in what one request brought."""
        for index, number in enumerate(batch.rows):
            place = self.places.get(number)
            if place is None:
                continue
            self.states[place] = batch.state
            if batch.labels:
                self.labels[place] = batch.labels[index]
            if batch.numbers:
                self.values[place] = batch.numbers[index]
            if batch.scores:
                self.scores[place] = batch.scores[index]
                self.widths[len(batch.scores[index])] += 1
            if batch.vectors:
                self.vectors[place] = batch.vectors[index]
                self.widths[len(batch.vectors[index])] += 1


def build_answered_rows(
    data: Dataset, asked: Sequence[int], population: Iterable[int], batches: Iterable[RowBatch]
) -> AnsweredRows:
    """The columns of the asked rows, in their order: labels of the data, what the batches hold, failures filled in."""
    assert data.labels is not None
    columns = _Columns.make(asked)
    for batch in batches:
        columns.fill(batch)
    numbers = np.array(asked, dtype=np.int64)
    states = np.array(columns.states, dtype=np.str_)
    failed = np.asarray(states != RowState.ANSWERED.value)
    shared: dict[str, Any] = {
        "numbers": numbers,
        "failed": failed,
        "declined": np.asarray(states == RowState.DECLINED.value),
        "population": np.isin(numbers, np.fromiter(population, np.int64)),
        "columns": {name: np.array([values[n] for n in asked], dtype=np.str_) for name, values in _list_columns(data)},
        "sensitive": data.sensitive,
    }
    if data.weights is not None:
        shared["weights"] = np.array(data.weights, dtype=float)[numbers]
    if data.answers == "numbers":
        labels = np.array([float(data.labels[number]) for number in asked])
        return make_answered_rows(labels, _fill_numbers(labels, np.array(columns.values)), **shared)
    texts = [str(data.labels[number]) for number in asked]
    classes = data.classes or tuple(sorted(map(str, set(data.labels)), key=_sort_key))
    codes = {name: code for code, name in enumerate(classes)}
    if data.answers == "vectors":
        coded = np.array([codes[text] for text in texts], dtype=np.int64)
        vectors, lost = _fill_vectors(columns, failed)
        shared["failed"] = lost
        return make_answered_rows(coded, np.full(len(asked), NO_CLASS), classes=classes, vectors=vectors, **shared)
    label_count = len(classes)
    for label in sorted({label for label in columns.labels if label is not None} - set(codes), key=_sort_key):
        codes[label] = len(codes)
    return make_answered_rows(
        np.array([codes[text] for text in texts], dtype=np.int64),
        np.array([NO_CLASS if label is None else codes[label] for label in columns.labels], dtype=np.int64),
        classes=tuple(codes),
        label_count=label_count,
        **_place_scores(columns, classes, np.array([codes[text] for text in texts], dtype=np.int64)),
        **shared,
    )


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


def _fill_vectors(columns: _Columns, failed: np.ndarray[Any, np.dtype[np.bool_]]) -> tuple[Values, Any]:
    """The vectors of the commonest length, zero where there is none; and the rows that have none."""
    width = columns.widths.most_common(1)[0][0] if columns.widths else 1
    vectors = np.zeros((len(failed), width))
    lost = failed.copy()
    for place, vector in enumerate(columns.vectors):
        if vector is not None and len(vector) == width:
            vectors[place] = vector
        else:
            lost[place] = True
    return vectors, lost


def _place_scores(columns: _Columns, classes: Sequence[str], labels: Codes) -> dict[str, Any]:
    """The scores of each class, as fields of `AnsweredRows`: (n, classes), or why there are none.

    A row without scores has the lowest for its label and the highest for every other class.
    """
    if not columns.widths:
        return {"no_scores": "the answers hold no scores: a list of a number for each class"}
    if set(columns.widths) != {len(classes)}:
        widths = ", ".join(map(str, sorted(columns.widths)))
        return {"no_scores": f"the answers hold {widths} scores for a row, and the labels are {len(classes)} classes"}
    order, problem = _order_classes(columns, classes)
    if problem:
        return {"no_scores": problem}
    scores = np.full((len(labels), len(classes)), np.inf)
    scores[np.arange(len(labels)), labels] = -np.inf
    for place, row in enumerate(columns.scores):
        if row is not None:
            scores[place] = [row[column] for column in order]
    return {"scores": scores}


def _order_classes(columns: _Columns, classes: Sequence[str]) -> tuple[list[int], str]:
    """Of each class, the column of its score; or why that is not known.

    It is the one that is highest where the class is answered. Where every answer is the column's number, or a class is
    never answered, the classes have the order of the configuration, or of their numbers.
    """
    votes: dict[str, Counter[int]] = {name: Counter() for name in classes}
    for label, row in zip(columns.labels, columns.scores, strict=True):
        if row is not None and label in votes:
            votes[label][row.index(max(row))] += 1
    total = sum(counter.total() for counter in votes.values())
    in_order = list(range(len(classes)))
    if total and sum(votes[name][column] for column, name in enumerate(classes)) >= _AGREE * total:
        return in_order, ""
    order = [votes[name].most_common(1)[0][0] if votes[name] else -1 for name in classes]
    agreeing = sum(votes[name][column] for name, column in zip(classes, order, strict=True))
    if sorted(order) == in_order and agreeing >= _AGREE * total:
        return order, ""
    advice = "name the classes in the order of the scores: [data] classes = [...]"
    return [], f"it is not known which class each score is of, since the label is often not the highest; {advice}"
