"""A report as plain data that JSON can write, whatever it holds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from typing import Any

import msgspec

from harness.core.report import Report
from harness.core.visible_text import make_encodable

_MAX_DEPTH = 64
"""Nesting that is written; what lies deeper is named and left out."""

_REQUIRED = {"distributions": ("bounds", "limits"), "faults": ("applied_at",)}
"""Records that mean nothing without these figures."""

_DEEPER = "… nested deeper than 64 levels"
_UNWRITABLE = "figures that are not finite were written as null: {}"


def convert_report(report: Report, *, terse: bool = False) -> dict[str, Any]:
    """The report as dicts, lists, strings and finite numbers, fields in the order of the model.

    NaN and infinities become null with a note; a distribution or a fault that cannot do without the figure is left
    out. `terse` leaves out fields that are None or empty: they have defaults, so readers take both forms.
    """
    converter = _Converter(terse)
    plain: dict[str, Any] = {"schema": report.schema, **converter.convert(report, "", 0)}
    for part, required in _REQUIRED.items():
        if part in plain:
            plain[part] = [record for record in plain[part] if _has_figures(record, required)]
    for fault in plain.get("faults", ()):
        if "phases" in fault:
            fault["phases"] = {name: t for name, t in fault["phases"].items() if t is not None}
    if converter.unwritable:
        plain["notes"] = [*plain.get("notes", []), _UNWRITABLE.format(", ".join(converter.unwritable[:20]))]
    return plain


def write_json(value: Any, indent: int = 1) -> str:
    """Plain data as indented JSON with a line break at its end."""
    return msgspec.json.format(msgspec.json.encode(value), indent=indent).decode() + "\n"


def convert_value(value: Any) -> Any:
    """Any value as plain data, as `convert_report` does with a report's."""
    return _Converter(terse=False).convert(value, "", 0)


class _Converter:
    def __init__(self, terse: bool) -> None:
        self.terse = terse
        self.unwritable: list[str] = []

    def convert(self, value: Any, path: str, depth: int) -> Any:
        if isinstance(value, Enum):
            return value.value
        if value is None or isinstance(value, (bool, str, int, float)):
            return self._convert_scalar(value, path)
        if depth > _MAX_DEPTH:
            return _DEEPER
        if is_dataclass(value):
            return self._convert_record(value, path, depth)
        if isinstance(value, Mapping):
            pairs = value.items()
            return {make_encodable(str(k)): self.convert(v, f"{path}.{k}"[-200:], depth + 1) for k, v in pairs}
        if isinstance(value, (list, tuple)):
            return [self.convert(item, f"{path}[{i}]", depth + 1) for i, item in enumerate(value)]
        return make_encodable(str(value))

    def _convert_scalar(self, value: bool | str | float | None, path: str) -> bool | str | float | None:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return make_encodable(value)
        if abs(value) < (10**100 if isinstance(value, int) else math.inf):
            return value
        self.unwritable.append(make_encodable(path))
        return None

    def _convert_record(self, record: Any, path: str, depth: int) -> dict[str, Any]:
        plain = {}
        for field in fields(record):
            value = getattr(record, field.name)
            if not self.terse or value not in (None, (), {}) or not _is_optional(field):
                plain[field.name] = self.convert(value, f"{path}.{field.name}".removeprefix("."), depth + 1)
        return plain


def _has_figures(record: dict[str, Any], required: tuple[str, ...]) -> bool:
    for name in required:
        figure = record.get(name, ())
        if figure is None or (isinstance(figure, list) and None in figure):
            return False
    return True


def _is_optional(field: Field[Any]) -> bool:
    return field.default is not MISSING or field.default_factory is not MISSING
