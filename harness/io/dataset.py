"""Read labelled inputs from CSV, JSONL or NPZ; whatever is wrong is said with file, row, column and what is allowed."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import zipfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from harness.core.dataset import Dataset
from harness.core.errors import ConfigError

MOST_BYTES, _MOST_ROWS = 1 << 30, 2_000_000
"""The largest file (for NPZ also once unpacked), and the most rows."""
_TEXT = ("prompt", "input")
"""Columns of a CSV file that hold text when no input columns are named."""

_Row = tuple[str, Any, Any, str]
"""Where it stands in the file, the input, the label, the group."""


def read_dataset(
    path: Path,
    *,
    label: str = "label",
    inputs: tuple[str, ...] = (),
    group: str | None = None,
    shape: tuple[int, ...] = (),
) -> Dataset:
    """Read a file of labelled inputs.

    CSV has a header; its inputs are the columns named in `inputs`, else the one column `prompt` or `input` (text), else
    every other column (one row of numbers). JSONL has objects with `input` (flat list or text) and the label. NPZ has
    the arrays `x`, `y` and, if a group is asked for, `group`; never pickled objects. Raises `ConfigError`.
    """
    kinds = {".csv": _csv, ".jsonl": _jsonl, ".ndjson": _jsonl, ".npz": _npz}
    kind = kinds.get(path.suffix.lower())
    if kind is None:
        _refuse(str(path), f"unknown kind of file {path.suffix!r}; give one of {', '.join(kinds)}")
    try:
        if not path.is_file():
            _refuse(str(path), "there is no such file")
        if path.stat().st_size > MOST_BYTES:
            _refuse(str(path), f"the file is over {MOST_BYTES >> 20} MiB; give a part of it")
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        rows = list(islice(kind(path, label, inputs, group), _MOST_ROWS + 1))
    except OSError as problem:
        _refuse(str(path), f"cannot be read ({problem.strerror or problem})")
    if not rows:
        _refuse(str(path), "the file holds no rows")
    if len(rows) > _MOST_ROWS:
        _refuse(rows[-1][0], f"over {_MOST_ROWS:,} rows; give a part of them")
    width = _width(rows)
    if shape and width != math.prod(shape):
        has = "text" if width is None else f"{width} numbers"
        _refuse(str(path), f"a row is {has}, and the shape {list(shape)} needs {math.prod(shape)}", "shape")
    return Dataset(
        path.stem,
        tuple(row[1] for row in rows),
        tuple(row[2] for row in rows),
        tuple(row[3] for row in rows) if group is not None else None,
        digest,
        shape or None,
    )


def _refuse(where: str, message: str, column: str = "") -> NoReturn:
    raise ConfigError(message, where=where, key=column)


def _width(rows: Sequence[_Row]) -> int | None:
    """Numbers in every row, None for text. Raises `ConfigError` at the first row unlike the first."""
    widths = ((row[0], None if isinstance(row[1], str) else len(row[1])) for row in rows)
    _, first = next(widths)
    for where, width in widths:
        if width != first:
            told = ["text" if each is None else f"{each} numbers" for each in (width, first)]
            _refuse(where, f"the input is {told[0]}, and that of the first row {told[1]}; all must be alike")
    return first


def _number(value: Any, where: str, column: str) -> float:
    """A finite number, from text or JSON. Raises `ConfigError`."""
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | str) or "_" in str(value):
            raise ValueError
        number = float(value)
    except (ValueError, OverflowError):
        _refuse(where, f"{value!r:.60} is no number", column)
    if not math.isfinite(number):
        _refuse(where, f"{value!r} is not finite; give a number or leave the row out", column)
    return number


def _plain(value: Any, where: str, column: str) -> Any:
    """A label: whole numbers as int, lists and objects in depth; text as it is. Raises `ConfigError`."""
    if isinstance(value, str):
        if not value.strip():
            _refuse(where, "the label is missing", column)
        return value.strip()
    if isinstance(value, list) and value:
        return [_plain(each, where, column) for each in value]
    if isinstance(value, dict) and value:
        return {name: _plain(each, where, column) for name, each in value.items()}
    if value is None or value == [] or value == {}:
        _refuse(where, "the label is missing", column)
    number = _number(value, where, column)
    return value if isinstance(value, int) else int(number) if number.is_integer() else number


def _csv_label(text: str, where: str, column: str) -> Any:
    try:
        float(text)
    except ValueError:
        return _plain(text, where, column)
    # "007" names a class as text would: only what a number prints as is taken for one.
    number = _number(text, where, column)
    shown = text.strip()
    if number.is_integer() and shown in (str(int(number)), str(number)):
        return int(number)
    return number if "." in shown or "e" in shown.lower() else shown


def _csv(path: Path, label: str, inputs: tuple[str, ...], group: str | None) -> Iterator[_Row]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file, strict=True)
        try:
            header = [name.strip() for name in next(reader, [])]
            if not header:
                _refuse(str(path), "the file is empty; a CSV file begins with the names of its columns")
            columns = _columns(path, header, label, inputs, group)
            at = {name: header.index(name) for name in header}
            text: bool | None = None
            for cells in reader:
                where = f"{path}:{reader.line_num}"
                if not cells:
                    continue
                if len(cells) != len(header):
                    _refuse(where, f"{len(cells)} cells where the header names {len(header)} columns")
                if text is None:
                    text = _is_text(columns, cells[at[columns[0]]], bool(inputs))
                given = [(name, cells[at[name]]) for name in columns]
                yield (
                    where,
                    given[0][1] if text else [_number(cell.strip(), where, name) for name, cell in given],
                    _csv_label(cells[at[label]], where, label),
                    cells[at[group]].strip() if group is not None else "",
                )
        except UnicodeDecodeError as problem:
            _refuse(f"{path}:{reader.line_num + 1}", f"not UTF-8 near here ({problem.reason}); save the file as UTF-8")
        except csv.Error as problem:
            _refuse(f"{path}:{reader.line_num}", f"not CSV ({problem})")


def _columns(
    path: Path, header: Sequence[str], label: str, inputs: tuple[str, ...], group: str | None
) -> tuple[str, ...]:
    where = f"{path}:1"
    if twice := [name for name in header if header.count(name) > 1]:
        _refuse(where, "two columns have this name", twice[0])
    for name in (label, *inputs, *((group,) if group is not None else ())):
        if name not in header:
            _refuse(where, f"there is no such column; there are {', '.join(header[:20])}", name)
    if label in inputs:
        _refuse(where, "the label is among the inputs", label)
    others = tuple(name for name in header if name not in (label, group))
    found = inputs or tuple(name for name in others if name in _TEXT)[:1] or others
    if not found:
        _refuse(where, "there is no column beside the label")
    return found


def _is_text(columns: Sequence[str], first: str, named: bool) -> bool:
    if len(columns) > 1:
        return False
    try:
        float(first)
    except ValueError:
        return named or columns[0] in _TEXT
    return columns[0] in _TEXT


def _jsonl(path: Path, label: str, inputs: tuple[str, ...], group: str | None) -> Iterator[_Row]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            where = f"{path}:{number}"
            if not line.strip():
                continue
            try:
                value = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
            except UnicodeDecodeError as problem:
                _refuse(where, f"not UTF-8 (byte {problem.start}); save the file as UTF-8")
            except (ValueError, RecursionError) as problem:
                _refuse(where, f"not JSON ({problem})")
            if not isinstance(value, dict):
                _refuse(where, f"a {type(value).__name__} where an object with 'input' and {label!r} belongs")
            keys = inputs or ("input",)
            for name in (*keys, label, *((group,) if group is not None else ())):
                if name not in value:
                    _refuse(where, f"there is no such key; there are {', '.join(value) or 'none'}", name)
            given = [value[name] for name in keys]
            of_group = value[group] if group is not None else ""
            yield (
                where,
                _json_input(given[0] if len(keys) == 1 else given, where, keys[0]),
                _plain(value[label], where, label),
                "" if of_group is None else str(of_group),
            )


def _json_input(value: Any, where: str, column: str) -> str | list[float]:
    if isinstance(value, str):
        return value
    given = value if isinstance(value, list) else [value]
    if not given:
        _refuse(where, "the input is empty", column)
    for index, each in enumerate(given):
        if isinstance(each, str | list):
            told = f"{type(each).__name__} {each!r:.40}"
            _refuse(
                where, f"{told} where a number belongs; give a flat list of numbers, or a text", f"{column}[{index}]"
            )
    return [_number(each, where, f"{column}[{index}]") for index, each in enumerate(given)]


def _npz(path: Path, label: str, inputs: tuple[str, ...], group: str | None) -> Iterator[_Row]:
    wanted = {"x": inputs[0] if inputs else "x", "y": "y", "group": group}
    found: dict[str, np.ndarray[Any, Any]] = {}
    try:
        with zipfile.ZipFile(path) as parts:
            if sum(part.file_size for part in parts.infolist()) > MOST_BYTES:
                _refuse(str(path), f"the arrays are over {MOST_BYTES >> 20} MiB; give a part of them")
        with np.load(path, allow_pickle=False) as arrays:
            wanted["y"] = label if label in arrays.files else "y"
            for role, name in wanted.items():
                if name is not None and name not in arrays.files:
                    _refuse(str(path), f"there is no such array; there are {', '.join(arrays.files) or 'none'}", name)
                if name is not None:
                    found[role] = arrays[name]
    except (ValueError, EOFError, zipfile.BadZipFile) as problem:
        _refuse(str(path), f"not an NPZ file without pickled objects ({problem})")
    x, y = found["x"], found["y"]
    for role, array in found.items():
        allowed = "iufU" if role != "group" else "iuU"
        if array.dtype.kind not in allowed:
            _refuse(str(path), f"dtype {array.dtype}; numbers or text are read", str(wanted[role]))
        if array.ndim == 0 or len(array) != len(x):
            _refuse(str(path), f"shape {list(array.shape)}, and x has {list(x.shape)}", str(wanted[role]))
    groups = found["group"].tolist() if group is not None else [""] * len(x)
    if x.dtype.kind == "U" and x.ndim > 1:
        _refuse(str(path), f"text of shape {list(x.shape)}; prompts are one array of texts", str(wanted["x"]))
    rows = x if x.dtype.kind == "U" else x.reshape(len(x), math.prod(x.shape[1:]))
    for index, (row, of_row, of_group) in enumerate(zip(rows, y, groups, strict=True)):
        where = f"{path}: row {index}"
        if x.dtype.kind != "U" and not np.isfinite(row).all():
            column = int(np.flatnonzero(~np.isfinite(row))[0])
            _refuse(where, f"{row[column]} is not finite; give a number or leave the row out", f"x[{index}][{column}]")
        given = str(row) if x.dtype.kind == "U" else row.astype(float).tolist()
        yield where, given, _plain(of_row.tolist(), where, str(wanted["y"])), str(of_group)
