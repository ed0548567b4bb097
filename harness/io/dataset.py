"""Read labelled inputs from CSV, JSONL, NPZ or Parquet. Every error names file, row, column and what is allowed.

Rows are read one at a time: of many rows of numbers the inputs lie in a file on disk, and only labels, slices and
weights in memory.
"""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from harness.core.dataset import NO_FACETS, Dataset, Facets, cut_into_ranges
from harness.io.cells import CellType, Missing, parse_number, refuse_cell
from harness.io.parquet import read_parquet
from harness.io.row_readers import MOST_BYTES, LabelledRow, read_csv, read_jsonl, read_npz
from harness.io.row_store import RowStore

_MOST_ROWS = 2_000_000


def read_dataset(
    path: Path,
    *,
    label: str = "label",
    inputs: tuple[str, ...] = (),
    group: str | None = None,
    shape: tuple[int, ...] = (),
    types: Mapping[str, CellType] | None = None,
    missing: Missing = "refuse",
    labels: Mapping[str, Any] | None = None,
    facets: Facets = NO_FACETS,
) -> Dataset:
    """Read a file of labelled inputs.

    CSV has a header; its inputs are the columns named in `inputs`, else the one column `prompt` or `input` (text), else
    every other column (a row of numbers, or an object of named fields: `CSVColumns`). Parquet has the same columns.
    JSONL has objects with `input` (flat list, text or object) and the label. NPZ has the arrays `x`, `y` and, if a
    group is asked for, `group`; never pickled objects. `labels` renames the labels of the file. The columns of the
    facets are no inputs unless they are named there. Raises `ConfigError`.
    """
    readers: dict[str, Callable[..., Iterator[LabelledRow]]] = {
        ".csv": partial(read_csv, types=types or {}, missing=missing),
        ".jsonl": read_jsonl,
        ".ndjson": read_jsonl,
        ".npz": read_npz,
        ".parquet": partial(read_parquet, missing=missing),
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        refuse_cell(
            str(path), f"unknown kind of file {path.suffix!r}; give one of {', '.join(readers)}, or module:function"
        )
    others = facets.list_columns(group)
    columns = _Columns(label, labels or {}, others, facets)
    digest = _read_rows(path, lambda: reader(path, label, inputs, others), columns)
    width = columns.width
    if shape and width != math.prod(shape):
        needed = math.prod(shape)
        refuse_cell(str(path), f"a row is {columns.form}, and the shape {list(shape)} needs {needed}", "shape")
    return Dataset(
        path.stem,
        columns.inputs.finish(),
        tuple(columns.labels) if label else None,
        None if group is None else tuple(columns.others[group]),
        digest,
        shape or None,
        columns.names * bool(width),
        {name: cut_into_ranges(columns.others[name]) for name in (*facets.slices, *facets.sensitive)},
        facets.slices,
        facets.sensitive,
        columns.weights or None,
        facets.task,
        facets.classes,
        columns.times or None,
    )


def _read_rows(path: Path, read: Callable[[], Iterable[LabelledRow]], columns: _Columns) -> str:
    """The digest of the file, whose rows are added to the columns. Raises `ConfigError` for none, and for too many."""
    try:
        if not path.is_file():
            refuse_cell(str(path), "there is no such file")
        if path.stat().st_size > MOST_BYTES:
            refuse_cell(str(path), f"the file is over {MOST_BYTES >> 20} MiB; give a part of it")
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        for row in read():
            if len(columns.labels) >= _MOST_ROWS:
                refuse_cell(row.where, f"over {_MOST_ROWS:,} rows; give a part of them")
            columns.add(row)
    except OSError as problem:
        refuse_cell(str(path), f"cannot be read ({problem.strerror or problem})")
    if not columns.labels:
        refuse_cell(str(path), "the file holds no rows")
    return digest


class _Columns:
    """The columns of a file, to which row after row is added.

    `form` is that of an input in words, `width` how many numbers it has, None for others.
    """

    def __init__(self, label: str, renamed: Mapping[str, Any], others: tuple[str, ...], facets: Facets) -> None:
        self.inputs = RowStore()
        self.labels: list[Any] = []
        self.others: dict[str, list[str]] = {name: [] for name in others}
        self.weights: list[float] = []
        self.times: list[float] = []
        self.names: tuple[str, ...] = ()
        self.width: int | None = None
        self._label, self._renamed, self._facets = label, renamed, facets
        self.form = ""

    def add(self, row: LabelledRow) -> None:
        """Add a row. Raises `ConfigError` for one whose form differs from the first, or whose label is not known."""
        form = _describe_form(row.input)
        if not self.labels:
            self.form, self.names = form, row.names
            self.width = len(row.input) if isinstance(row.input, list) else None
        if form != self.form:
            problem = f"the input is {form}, and that of the first row {self.form}; all rows must have the same form"
            refuse_cell(row.where, problem)
        self.inputs.add(row.input)
        self.labels.append(self._check_label(row))
        for name, value in zip(self.others, row.others, strict=True):
            self.others[name].append(sys.intern(value))
            if name == self._facets.weight:
                self.weights.append(_parse_weight(value, row.where, name))
            if name == self._facets.time:
                self.times.append(_parse_time(value, row.where, name))

    def _check_label(self, row: LabelledRow) -> Any:
        """The label of a row, as the configuration renames it. Raises `ConfigError` for one that it does not name."""
        label = row.label
        if not self._label:
            return None
        if self._renamed:
            if str(label) not in self._renamed:
                known = ", ".join(list(self._renamed)[:20])
                problem = f"the label {label!r:.60} is not in [data] labels; there are: {known}"
                refuse_cell(row.where, problem, self._label)
            label = self._renamed[str(label)]
        if self._facets.classes and str(label) not in self._facets.classes:
            known = ", ".join(self._facets.classes[:20])
            refuse_cell(row.where, f"the label {label!r:.60} is not in [data] classes; there are: {known}", self._label)
        if self._facets.task == "regression" and not isinstance(label, int | float):
            refuse_cell(row.where, f"the label {label!r:.60} is no number, and the task is regression", self._label)
        if self._facets.task == "ranking" and (problem := _find_grading_problem(row.input, label)):
            refuse_cell(row.where, problem, self._label)
        return sys.intern(label) if type(label) is str else label


def _find_grading_problem(row_input: Any, label: Any) -> str:
    """Why the label does not say how relevant each document of a query is; empty where it does."""
    documents = row_input.get("documents") if isinstance(row_input, dict) else None
    if not isinstance(documents, list) or len(documents) < 2:
        return 'the input is no query with documents; give {"query": a text, "documents": [at least two texts]}'
    if not isinstance(label, list) or len(label) != len(documents):
        return f"the label {label!r:.60} is no list of a grade for each of the {len(documents)} documents"
    if not all(isinstance(grade, int | float) and grade >= 0 for grade in label):
        return f"the grades {label!r:.60} must be numbers of 0 or more: 0 for a document that is not relevant"
    return ""


def _parse_weight(text: str, where: str, name: str) -> float:
    weight = parse_number(text, where, name)
    if weight <= 0:
        refuse_cell(where, f"{weight:g} is no weight; give a number over 0", name)
    return weight


def _parse_time(text: str, where: str, name: str) -> float:
    """A number as it is, a date of ISO 8601 in seconds; UTC where it names no zone."""
    number = math.nan
    with suppress(ValueError):
        number = float(text)
    with suppress(ValueError):
        moment = datetime.fromisoformat(text if math.isnan(number) else "")
        number = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if not math.isfinite(number):
        refuse_cell(where, f"{text!r:.60} is no time; give ISO 8601, as in 2026-11-30T08:00:00Z, or a number", name)
    return number


def _describe_form(row_input: Any) -> str:
    if isinstance(row_input, dict):
        return "an object"
    if isinstance(row_input, str):
        return "text"
    return f"{len(row_input)} numbers"
