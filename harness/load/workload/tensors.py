"""Tensors by the model's metadata: numbers within their announced bounds, from 0 to 1 where none are announced.

With a configured sample, its fractions are moved by 2 % at most. Whole numbers and texts without bounds are
those of the sample: a number may be the index of something, and only some texts may be known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import log10, prod
from typing import Any

from harness.core.json_path import list_leaves, map_leaves
from harness.core.workload import Material
from harness.load.draws import Draw
from harness.load.forms import ENDLESS, NUMBER_MARK, QueryForm, Workload, begin_literal, count_forms, has_mark
from harness.load.workload.numbers import move_fractions
from harness.protocols.shared.tensors import FLOAT_TYPES, INTEGER_TYPES

_FEWEST_BYTES = 64
"""Elements of a UINT8 tensor from which it is data, such as a picture, and not an index."""
_ENOUGH_DIGITS = 12
"""Decimal digits of the number of different inputs from which two drawn ones are never the same."""


def _make(material: Material) -> Workload:
    """Tensors in the form of the sample."""
    workload = _Tensors(material, count_forms(2 * len(list_leaves(material.sample.inputs))), is_unique=True)
    if has_mark(workload.make_form(0)):
        return workload
    if workload.count_digits() >= _ENOUGH_DIGITS:
        return _Tensors(material, ENDLESS, is_unique=False)
    return _Tensors(material, 1, is_unique=False)


@dataclass(slots=True)
class _Marking:
    """The number of a form that has become its mark, as it begins; empty as long as there is none."""

    literal: str = ""


class _Tensors(Workload):
    def make_form(self, i: int) -> QueryForm:
        draw, inputs, marking = self.draw(i), self.material.sample.inputs, _Marking()
        specs = self._list_specs()
        if not isinstance(inputs, dict):
            return QueryForm(
                replace(self.material.sample, inputs=self._draw(inputs, specs[0], draw, marking)), marking.literal
            )
        varied = dict(inputs)
        for spec in specs:
            if spec["name"] in inputs:
                varied[spec["name"]] = self._draw(inputs[spec["name"]], spec, draw, marking)
        return QueryForm(replace(self.material.sample, inputs=varied), marking.literal)

    def _list_specs(self) -> list[Mapping[str, Any]]:
        return list(self.material.facts.inputs["inputs"])

    def _draw(self, value: Any, spec: Mapping[str, Any], draw: Draw, marking: _Marking) -> Any:
        if spec["datatype"] in FLOAT_TYPES:
            if self.material.has_own_sample:
                moved, literal = move_fractions(value, draw, has_mark=bool(marking.literal))
                marking.literal = marking.literal or literal
                return moved
            low, high = float(spec.get("minimum", 0)), float(spec.get("maximum", 1))
            return map_leaves(value, lambda _: _draw_float(draw, low, high, marking))
        if (bounds := _find_whole_bounds(spec)) is not None:
            low, high = bounds
            return map_leaves(value, lambda _: draw.randint(low, high))
        return value

    def count_digits(self) -> float:
        """The decimal digits of the number of inputs that can be drawn of whole numbers."""
        inputs, specs, digits = self.material.sample.inputs, self._list_specs(), 0.0
        for spec in specs:
            value = inputs.get(spec["name"]) if isinstance(inputs, dict) else inputs
            if value is not None and (bounds := _find_whole_bounds(spec)) is not None:
                digits += len(list_leaves(value)) * log10(bounds[1] - bounds[0] + 1)
        return digits

    def describe(self) -> str:
        if self.forms == 1:
            return "one request body: nothing that the metadata announce could be varied"
        return "tensors of the form that the metadata announce, with numbers of their own"


def _find_whole_bounds(spec: Mapping[str, Any]) -> tuple[int, int] | None:
    """The smallest and the largest whole number that may be drawn; None where they are not known."""
    if spec["datatype"] not in INTEGER_TYPES:
        return None
    if "minimum" in spec:
        return int(spec["minimum"]), int(spec["maximum"])
    is_data = spec["datatype"] == "UINT8" and prod(map(abs, spec["shape"])) >= _FEWEST_BYTES
    return (0, 255) if is_data else None


def _draw_float(draw: Draw, low: float, high: float, marking: _Marking) -> float:
    value = round(draw.uniform(low, high), 6)
    if not marking.literal:
        marking.literal = begin_literal(value, low, high)
        if marking.literal:
            return NUMBER_MARK
    return min(max(value, low), high)


WORKLOAD = _make
