"""A report as plain data that JSON can write, whatever it holds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from typing import Any

from harness.core.report import Report

from ._text import encodable

_MAX_DEPTH = 64
"""Nesting that is written; what lies deeper is named and left out."""

_REQUIRED = {"distributions": ("bounds", "limits"), "faults": ("applied_at",)}
"""Records that mean nothing without these figures."""

_DEEPER = "… nested deeper than 64 levels"
_UNWRITABLE = "figures that are not finite were written as null: {}"


def plain(report: Report, *, terse: bool = False) -> dict[str, Any]:
    """The report as dicts, lists, strings and finite numbers, fields in the order of the model.

    NaN and infinities become null with a note; a distribution or a fault that cannot do without the figure is left
    out. `terse` leaves out fields that are None or empty: they have defaults, so readers take both forms.
    """
    walk = _Walk(terse)
    found: dict[str, Any] = {"schema": report.schema, **walk.value(report, "", 0)}
    for part, required in _REQUIRED.items():
        if part in found:
            found[part] = [record for record in found[part] if _whole(record, required)]
    for fault in found.get("faults", ()):
        if "phases" in fault:
            fault["phases"] = {name: t for name, t in fault["phases"].items() if t is not None}
    if walk.unwritable:
        found["notes"] = [*found.get("notes", []), _UNWRITABLE.format(", ".join(walk.unwritable[:20]))]
    return found


def plain_value(value: Any) -> Any:
    """Any value as plain data, as `plain` does with a report's."""
    return _Walk(terse=False).value(value, "", 0)


class _Walk:
    def __init__(self, terse: bool) -> None:
        self.terse = terse
        self.unwritable: list[str] = []

    def value(self, value: Any, path: str, depth: int) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, Enum):
            return value.value
        if isinstance(value, str):
            return encodable(value)
        if isinstance(value, int):
            return value if abs(value) < 10**100 else self._finite(math.inf, path)
        if isinstance(value, float):
            return self._finite(value, path)
        if depth > _MAX_DEPTH:
            return _DEEPER
        if is_dataclass(value):
            return self._record(value, path, depth)
        if isinstance(value, Mapping):
            return {encodable(str(k)): self.value(v, f"{path}.{k}"[-200:], depth + 1) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(item, f"{path}[{i}]", depth + 1) for i, item in enumerate(value)]
        return encodable(str(value))

    def _record(self, record: Any, path: str, depth: int) -> dict[str, Any]:
        found = {}
        for field in fields(record):
            value = getattr(record, field.name)
            if self.terse and _optional(field) and (value is None or value == () or value == {}):
                continue
            found[field.name] = self.value(value, f"{path}.{field.name}" if path else field.name, depth + 1)
        return found

    def _finite(self, value: float, path: str) -> float | None:
        if math.isfinite(value):
            return value
        self.unwritable.append(encodable(path))
        return None


def _whole(record: dict[str, Any], required: tuple[str, ...]) -> bool:
    figures = [record.get(name, ()) for name in required]
    return not any(found is None or (isinstance(found, list) and None in found) for found in figures)


def _optional(field: Field[Any]) -> bool:
    return field.default is not MISSING or field.default_factory is not MISSING
