"""Readers of labelled rows from CSV, JSONL and NPZ, one row at a time; every error names its place.

Tested in tests/io/test_dataset.py.
"""

from __future__ import annotations

import csv
import math
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from harness.core.json_path import walk_values
from harness.core.registry import describe_unknown
from harness.io.cells import CellType, CSVColumns, Missing, parse_number, refuse_cell
from harness.io.json_lines import read_json_lines

MOST_BYTES = 1 << 30
"""The largest file (for NPZ also once unpacked)."""
_TEXT_COLUMNS = ("prompt", "input")
"""Columns of a CSV file that hold text when no input columns are named."""


class LabelledRow(NamedTuple):
    """One labelled input.

    `where` is its place in the file, `others` the values of the further columns, `names` those of the numbers in it.
    """

    where: str
    input: Any
    label: Any
    others: tuple[str, ...]
    names: tuple[str, ...] = ()


def parse_label(value: Any, where: str, column: str) -> Any:
    """A label: text, numbers (whole ones as int), lists and objects in depth. Raises `ConfigError`."""
    if isinstance(value, str):
        value = value.strip()
    if value is None or (isinstance(value, str | list | dict) and not value):
        refuse_cell(where, "the label is missing", column)
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return [parse_label(item, where, column) for item in value]
    if isinstance(value, dict):
        return {name: parse_label(item, where, column) for name, item in value.items()}
    number = parse_number(value, where, column)
    if isinstance(value, int):
        return value
    return int(number) if number.is_integer() else number


def _parse_csv_label(text: str, where: str, column: str) -> Any:
    try:
        float(text)
    except ValueError:
        return parse_label(text, where, column)
    # "007" is the name of a class and not the number 7: a whole number counts only if it is written as it is printed.
    number = parse_number(text, where, column)
    stripped = text.strip()
    if number.is_integer() and stripped in (str(int(number)), str(number)):
        return int(number)
    return number if "." in stripped or "e" in stripped.lower() else stripped


def read_csv(
    path: Path,
    label: str,
    inputs: tuple[str, ...],
    others: tuple[str, ...],
    *,
    types: Mapping[str, CellType],
    missing: Missing,
) -> Iterator[LabelledRow]:
    """The rows of a CSV file with a header. Raises `ConfigError`."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file, strict=True)
        try:
            header = [name.strip() for name in next(reader, [])]
            if not header:
                refuse_cell(str(path), "the file is empty; a CSV file begins with the names of its columns")
            columns = choose_columns(path, header, label, inputs, others)
            check_names(f"{path}:1", "column", header, *types)
            cell_reader = CSVColumns(columns, types, missing)
            is_text: bool | None = None
            for values in reader:
                where = f"{path}:{reader.line_num}"
                if not values:
                    continue
                if len(values) != len(header):
                    refuse_cell(where, f"{len(values)} cells where the header names {len(header)} columns")
                cells = dict(zip(header, values, strict=True))
                if is_text is None:
                    is_text = not types and _is_text(columns, cells[columns[0]], bool(inputs))
                row_input: Any = cells[columns[0]]
                if not is_text:
                    row_input = cell_reader.read_input(cells, where)
                row_label = _parse_csv_label(cells[label], where, label) if label else None
                yield LabelledRow(where, row_input, row_label, tuple(cells[name].strip() for name in others), columns)
        except UnicodeDecodeError as problem:
            refuse_cell(
                f"{path}:{reader.line_num + 1}", f"not UTF-8 near here ({problem.reason}); save the file as UTF-8"
            )
        except csv.Error as problem:
            refuse_cell(f"{path}:{reader.line_num}", f"not CSV ({problem})")


def choose_columns(
    path: Path, header: Sequence[str], label: str, inputs: tuple[str, ...], others: tuple[str, ...]
) -> tuple[str, ...]:
    """The columns of a table that are the input. Raises `ConfigError` for names that it does not have."""
    where = f"{path}:1"
    for name in header:
        if header.count(name) > 1:
            refuse_cell(where, "two columns have this name", name)
    check_names(where, "column", header, *filter(None, (label, *inputs, *others)))
    if label in inputs:
        refuse_cell(where, "the label is among the inputs", label)
    if inputs:
        return inputs
    columns = tuple(name for name in header if name not in (label, *others))
    if not columns:
        refuse_cell(where, "there is no column beside the label")
    for name in columns:
        if name in _TEXT_COLUMNS:
            return (name,)
    return columns


def check_names(where: str, kind: str, known: Sequence[str], *names: str) -> None:
    """Refuse the first of the configuration's names that the file does not have."""
    for name in names:
        if name not in known:
            _, _, names_known = describe_unknown(kind, name, known[:20]).partition("; ")
            refuse_cell(where, f"there is no such {kind}; {names_known}", name)


def _is_text(columns: Sequence[str], first: str, is_named: bool) -> bool:
    """Whether a CSV file's inputs are text, judged by the first of them."""
    if len(columns) > 1:
        return False
    try:
        float(first)
    except ValueError:
        return is_named or columns[0] in _TEXT_COLUMNS
    return columns[0] in _TEXT_COLUMNS


def read_jsonl(path: Path, label: str, inputs: tuple[str, ...], others: tuple[str, ...]) -> Iterator[LabelledRow]:
    """The rows of a file with an object of JSON a line. Raises `ConfigError`."""
    keys = inputs or ("input",)
    for where, value in read_json_lines(path):
        if not isinstance(value, dict):
            refuse_cell(where, f"a {type(value).__name__}; give an object with 'input' and {label!r}")
        check_names(where, "key", list(value), *filter(None, (*keys, label, *others)))
        row_input = _select_fields(value, keys)
        yield LabelledRow(
            where,
            _parse_json_input(row_input, where, keys[0]),
            parse_label(value[label], where, label) if label else None,
            tuple("" if value[name] is None else str(value[name]) for name in others),
            inputs,
        )


def _select_fields(value: Mapping[str, Any], keys: Sequence[str]) -> Any:
    """The field of one key; of several, a list where all are numbers, else an object."""
    if len(keys) == 1:
        return value[keys[0]]
    fields = {name: value[name] for name in keys}
    if all(type(field) in (int, float) for field in fields.values()):
        return list(fields.values())
    return fields


def _parse_json_input(value: Any, where: str, column: str) -> str | list[float] | dict[str, Any]:
    """The input of a line: a text, a list of finite numbers, or an object. Raises `ConfigError` for anything else."""
    if isinstance(value, dict) and value:
        for path, leaf in walk_values(value):
            if isinstance(leaf, float) and not math.isfinite(leaf):
                refuse_cell(where, f"{leaf} is not finite; give a number, or null", f"{column}.{path[-1]}")
        return value
    if isinstance(value, str):
        return value
    items = value if isinstance(value, list) else [value]
    if not items:
        refuse_cell(where, "the input is empty", column)
    numbers = []
    for index, item in enumerate(items):
        if isinstance(item, str | list):
            message = f"{type(item).__name__} {item!r:.40} is not a number; give a flat list of numbers, or a text"
            refuse_cell(where, message, f"{column}[{index}]")
        numbers.append(parse_number(item, where, f"{column}[{index}]"))
    return numbers


def read_npz(path: Path, label: str, inputs: tuple[str, ...], others: tuple[str, ...]) -> Iterator[LabelledRow]:
    """The rows of an archive of arrays. Raises `ConfigError`."""
    names, (x, labels, *columns) = _load_arrays(path, label, inputs, others)
    is_text = x.dtype.kind == "U"
    if is_text and x.ndim > 1:
        refuse_cell(str(path), f"text of shape {list(x.shape)}; prompts are one array of texts", names[0])
    rows = x if is_text else x.reshape(len(x), math.prod(x.shape[1:]))
    for index, (row, row_label, *values) in enumerate(zip(rows, labels.tolist(), *columns, strict=True)):
        where = f"{path}: row {index}"
        row_input: Any = str(row)
        if not is_text:
            for column in np.flatnonzero(~np.isfinite(row))[:1]:
                message = f"{row[column]} is not finite; give a number or leave the row out"
                refuse_cell(where, message, f"x[{index}][{column}]")
            row_input = row.astype(float).tolist()
        yield LabelledRow(where, row_input, parse_label(row_label, where, names[1]), tuple(map(str, values)))


def _load_arrays(
    path: Path, label: str, inputs: tuple[str, ...], others: tuple[str, ...]
) -> tuple[list[str], list[np.ndarray[Any, Any]]]:
    """The arrays of inputs, labels and the further columns, with their names. Raises `ConfigError`."""
    if not label:
        refuse_cell(str(path), "rows without labels are read from CSV, JSONL or Parquet", "label")
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > MOST_BYTES:
                refuse_cell(str(path), f"the arrays are over {MOST_BYTES >> 20} MiB; give a part of them")
        with np.load(path, allow_pickle=False) as file:
            names = [*(inputs[:1] or ("x",)), label if label in file.files else "y", *others]
            check_names(str(path), "array", file.files, *names)
            arrays = [file[name] for name in names]
    except (ValueError, EOFError, zipfile.BadZipFile) as problem:
        refuse_cell(str(path), f"not an NPZ file, or one with pickled objects ({problem})")
    for name, array, kinds in zip(names, arrays, ("iufU", "iufU", *["iufU"] * len(others)), strict=True):
        if array.dtype.kind not in kinds:
            refuse_cell(str(path), f"dtype {array.dtype}; give an array of numbers or text", name)
        if array.ndim == 0 or len(array) != len(arrays[0]):
            refuse_cell(str(path), f"shape {list(array.shape)}, and {names[0]} has {list(arrays[0].shape)}", name)
    return names, arrays
