"""How a row of the data is seen by attacks, and sent to the service: as numbers, with codes for texts, or as a text.

Tested in tests/robustness/test_row_forms.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from harness.core.attack import Row
from harness.core.attack_settings import AttackSettings
from harness.core.dataset import Dataset
from harness.core.errors import UsageError
from harness.core.threat import ANY_COLUMN, Column
from harness.run.oracle import list_numbers


@dataclass(frozen=True, slots=True)
class RowForm:
    """The names of the columns (none: numbers or a text as they are) and, of columns with texts, their values."""

    names: tuple[str, ...] = ()
    codes: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    def encode(self, row: Any) -> Row:
        """The row as attacks see it: a text, or numbers in which a text is its place among the column's values."""
        if not isinstance(row, Mapping):
            return row if isinstance(row, str) else tuple(map(float, row))
        return tuple(float(self._encode_cell(name, row[name])) for name in self.names)

    def _encode_cell(self, name: str, value: Any) -> float:
        return self.codes[name].index(value) if name in self.codes else value

    def decode(self, row: Row) -> Any:
        """The row as the service takes it."""
        if not self.codes and not self.names:
            return list_numbers(row)
        cells = zip(self.names, row, strict=True)
        return {name: self.codes[name][round(value)] if name in self.codes else value for name, value in cells}


def find_form(data: Dataset) -> RowForm | str:
    """The form of the rows of the data, or why attacks cannot change them."""
    row = data.inputs[0]
    if not isinstance(row, Mapping):
        if isinstance(row, list | tuple | str):
            return RowForm()
        return f"{data.name} holds no rows of numbers and no texts"
    names, codes = tuple(row), {}
    for name in names:
        values = {type(other.get(name)) for other in data.inputs if isinstance(other, Mapping)}
        if not values <= {int, float}:
            if not values <= {str, bool}:
                return f"{data.name}: column {name!r} holds neither numbers nor texts everywhere"
            codes[name] = tuple(sorted({other[name] for other in data.inputs}))
    if any(tuple(other) != names for other in data.inputs):
        return f"{data.name} holds objects with different fields"
    return RowForm(names, codes)


def make_columns(settings: AttackSettings, data: Dataset, form: RowForm) -> tuple[Column, ...]:
    """What each column allows, in their order; none where nothing is configured and all are plain numbers.

    Raises `UsageError` for a column that the data do not have, or a category that is none of its values.
    """
    if not settings.columns and not form.codes:
        return ()
    names: Sequence[str] = form.names or data.names or tuple(map(str, range(len(data.inputs[0]))))
    for name in settings.columns:
        if name not in names:
            raise UsageError(
                f"[adversarial.columns.{name}]: {data.name} has no column {name!r}; it has {', '.join(names)}"
            )
    return tuple(_make_column(settings.columns.get(name, ANY_COLUMN), name, form) for name in names)


def _make_column(column: Column, name: str, form: RowForm) -> Column:
    where = f"[adversarial.columns.{name}] categories"
    if name not in form.codes:
        if any(isinstance(value, str) for value in column.categories):
            raise UsageError(f"{where}: the column holds numbers, got {column.categories!r}")
        return column
    known = form.codes[name]
    for value in column.categories:
        if value not in known:
            raise UsageError(f"{where}: {value!r} is no value of the data; they are {', '.join(map(str, known))}")
    codes: list[float | str] = [float(known.index(value)) for value in column.categories or known]
    return replace(column, categories=codes)
