"""Columns of labelled inputs, each with a value for every row, in whatever form the inputs have.

Tested in tests/metrics/test_input_columns.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.dataset import Dataset
from harness.core.json_path import walk_values
from harness.stats.drift import CodedColumn, code_numbers, code_texts

InputColumn = NDArray[Any]
"""Numbers (NaN: none) or texts (empty: none), of the shape (n,)."""


def list_names(data: Dataset) -> tuple[str, ...]:
    """The names of the fields where the inputs are objects; empty for others."""
    first = data.inputs[0]
    return tuple(_flatten(first)) if isinstance(first, dict) else ()


def list_input_columns(data: Dataset, places: Sequence[int]) -> dict[str, InputColumn]:
    """The columns of these rows; of a text its words and characters are counted."""
    rows = [data.inputs[place] for place in places]
    if isinstance(rows[0], str):
        words = np.array([len(row.split()) for row in rows], float)
        return {"words of the text": words, "characters of the text": np.array(list(map(len, rows)), float)}
    if isinstance(rows[0], list):
        table = np.array(rows, float)
        names = data.names or tuple(f"x[{index}]" for index in range(table.shape[1]))
        return dict(zip(names, table.T, strict=True))
    objects = [_flatten(row) for row in rows]
    fields = dict.fromkeys(name for row in objects for name in row)
    return {name: _make_column([row.get(name) for row in objects]) for name in fields}


def _flatten(row: Mapping[str, Any]) -> dict[str, Any]:
    """The leaves of an object by their paths: `address.city`."""
    leaves = {}
    for path, value in walk_values(row):
        if not isinstance(value, dict | list):
            leaves[".".join(map(str, path))] = value
    return leaves


def _make_column(values: Sequence[Any]) -> InputColumn:
    if all(value is None or type(value) in (int, float) for value in values):
        return np.array([np.nan if value is None else value for value in values], float)
    return np.array(["" if value is None else str(value) for value in values], np.str_)


def code_columns(reference: InputColumn, current: InputColumn) -> CodedColumn:
    """Both samples of one column, as levels that can be counted."""
    if reference.dtype.kind == current.dtype.kind == "f":
        return code_numbers(reference, current)
    return code_texts(reference.astype(np.str_).tolist(), current.astype(np.str_).tolist())


def describe_change(reference: InputColumn, current: InputColumn) -> str:
    """What changed the most: the median of numbers, or the share of a text."""
    if reference.dtype.kind == current.dtype.kind == "f":
        parts = []
        for part in (current, reference):
            known = part[~np.isnan(part)]
            parts.append((f"{np.median(known):.4g}" if len(known) else "none", 1 - len(known) / len(part)))
        (now, lost), (before, was_lost) = parts
        change = f"median {now}, was {before}"
        if abs(lost - was_lost) > 0.01:
            change += f", {lost * 100:.0f} % missing, was {was_lost * 100:.0f} %"
        return change
    before_texts, now_texts = reference.astype(np.str_), current.astype(np.str_)
    levels = np.unique(np.append(before_texts, now_texts))
    shares = [((now_texts == level).mean(), (before_texts == level).mean(), str(level)) for level in levels[:200]]
    share, was, level = max(shares, key=lambda triple: abs(triple[0] - triple[1]))
    return f"{level or 'nothing'!r} in {share * 100:.0f} %, was {was * 100:.0f} %"
