"""Read labelled rows from Parquet, a batch at a time. Tested in tests/io/test_parquet.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from harness.core.json_path import nest_fields
from harness.io.cells import Missing, parse_number, refuse_cell
from harness.io.row_readers import LabelledRow, choose_columns, parse_label

_ROWS_AT_ONCE = 4096


def read_parquet(
    path: Path, label: str, inputs: tuple[str, ...], others: tuple[str, ...], *, missing: Missing
) -> Iterator[LabelledRow]:
    """The rows of a Parquet file, with the columns of a CSV file; a column of lists is the whole input by itself.

    Raises `ConfigError`, also where pyarrow is not installed.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        refuse_cell(str(path), "reading Parquet needs pyarrow: pip install 'aiharness[data]'")
    try:
        file = parquet.ParquetFile(path, pre_buffer=False)  # a buffer would keep every row group that was read
        columns = choose_columns(path, file.schema_arrow.names, label, inputs, others)
        number, wanted = 0, list(filter(None, dict.fromkeys((*columns, label, *others))))
        for batch in file.iter_batches(_ROWS_AT_ONCE, columns=wanted):
            matrix = None if missing != "refuse" else _read_matrix(batch, columns)
            names = batch.schema.names if matrix is None else list(filter(None, (label, *others)))
            for place, cells in enumerate(batch.select(names).to_pylist() if names else [{}] * len(batch)):
                where = f"{path}: row {number}"
                number += 1
                row_input = _read_input(cells, columns, where, missing) if matrix is None else matrix[place]
                values = tuple("" if cells[name] is None else str(cells[name]) for name in others)
                row_label = parse_label(_convert(cells[label]), where, label) if label else None
                yield LabelledRow(where, row_input, row_label, values, columns)
    except (pyarrow.ArrowException, UnicodeDecodeError) as problem:
        refuse_cell(str(path), f"not Parquet, or of a type that is no cell ({problem})")


def _read_matrix(batch: Any, columns: tuple[str, ...]) -> list[list[float]] | None:
    """The rows at once where every column holds finite numbers alone; None where each cell must be looked at."""
    from pyarrow import types

    arrays = [batch.column(name) for name in columns]
    for array in arrays:
        if array.null_count or not (types.is_floating(array.type) or types.is_integer(array.type)):
            return None
    numbers = np.column_stack([array.to_numpy(zero_copy_only=False).astype(np.float64) for array in arrays])
    rows: list[list[float]] = numbers.tolist()
    return rows if np.isfinite(numbers).all() else None


def _read_input(cells: dict[str, Any], columns: tuple[str, ...], where: str, missing: Missing) -> Any:
    """The input in the cells of one row: a text, numbers, or an object of named fields."""
    if len(columns) == 1 and isinstance(cells[columns[0]], str | list | dict):
        whole = cells[columns[0]]
        if not isinstance(whole, list):
            return whole
        return [parse_number(item, where, f"{columns[0]}[{index}]") for index, item in enumerate(whole)]
    fields: dict[str, Any] = {}
    for name in columns:
        value = _convert(cells[name])
        if value is None and missing == "refuse":
            refuse_cell(where, "is empty; fill it, or say with [data] missing what is sent: 'null' or 'omit'", name)
        if value is not None or missing == "null":
            fields[name] = value
        if isinstance(value, int | float) and not isinstance(value, bool):
            parse_number(value, where, name)
    if missing == "refuse" and all(type(value) in (int, float) for value in fields.values()):
        return list(map(float, fields.values()))
    return nest_fields(fields)


def _convert(value: Any) -> Any:
    """A cell as JSON has it: dates and decimals as text."""
    if value is None or isinstance(value, str | bool | int | float | list | dict):
        return value
    return str(value)
