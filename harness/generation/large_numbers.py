"""Inputs with ordinary large numbers: over what 16 bits hold (65,504), and at most a million.

Tested in tests/generation/test_large_numbers.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.core.json_path import list_leaves, map_leaves
from harness.generation.input_form import FROM_SAMPLE, InputForm, object_schema
from harness.run.valid_inputs import Rows

_NUMBERS = (70_000, -300_000, 999_999)
_LARGEST = 1_000_000


def list_large_inputs(
    form: InputForm, rows: Rows, make_validator: Callable[[InputForm, Any], Callable[[Any], bool]]
) -> Iterator[dict[str, Any]]:
    """A valid input with one of its numbers, and with all of them, made large, as far as its form allows that."""
    if rows.text or rows.is_file:
        return
    inputs = rows.query(rows.draw_distinct(1)).inputs
    if len(form.tensors) == 1:
        inputs = {form.tensors[0]["name"]: inputs}
    numbers = [leaf for leaf in list_leaves(inputs) if type(leaf) in (int, float)]
    is_valid = make_validator(replace(widen_form(form), options=object_schema({}, [])), None)
    for large in _NUMBERS:
        for most in (1, len(numbers)):
            value = {"inputs": map_leaves(inputs, _Enlarger(large, most)), "options": {}}
            if numbers and is_valid(value):
                yield value


@dataclass(slots=True)
class _Enlarger:
    """Puts a large number in the place of the first `most` numbers."""

    large: int
    most: int

    def __call__(self, leaf: Any) -> Any:
        """The large number as the leaf's type has it, or the leaf."""
        if type(leaf) not in (int, float) or not self.most:
            return leaf
        self.most -= 1
        return type(leaf)(self.large)


def widen_form(form: InputForm) -> InputForm:
    """The form with numbers up to a million, where nothing but the sample says what is valid."""
    if form.source != FROM_SAMPLE:
        return form
    return replace(form, schema=_widen(form.schema))


def _widen(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of `derive_schema` with wider numbers."""
    kind, widened = schema.get("type"), dict(schema)
    if kind in ("integer", "number"):
        widened |= {"minimum": -_LARGEST, "maximum": _LARGEST}
    if "items" in widened:
        widened["items"] = _widen(schema["items"])
    if "properties" in widened:
        widened["properties"] = dict(zip(schema["properties"], map(_widen, schema["properties"].values()), strict=True))
    return widened
