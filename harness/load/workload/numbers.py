"""The sample with each fraction moved by 2 % at most; whole numbers, texts and booleans are kept.

A service may take only some whole numbers and texts (a category, a count); a fraction is a measure, and one very near
to it is as good.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from harness.core.json_path import list_leaves, map_leaves
from harness.core.workload import Material
from harness.load.draws import Draw
from harness.load.forms import NUMBER_MARK, QueryForm, Workload, begin_literal, count_forms

_NEAR = 0.99
"""A fraction is multiplied by a number from this to 1: towards 0, which is within any range that it is in."""


def _make(material: Material) -> Workload:
    """Inputs near the sample; all the same where the sample has no fractions."""
    elements = len(list_leaves(material.sample.inputs))
    workload = _Numbers(material, count_forms(2 * elements), is_unique=True)
    if not workload.make_form(0).literal:
        return _Numbers(material, 1, is_unique=False)
    return workload


class _Numbers(Workload):
    def make_form(self, i: int) -> QueryForm:
        inputs, literal = move_fractions(self.material.sample.inputs, self.draw(i), has_mark=False)
        return QueryForm(replace(self.material.sample, inputs=inputs), literal)

    def describe(self) -> str:
        if not self.is_unique:
            return "one request body: the sample has no fraction that could be varied"
        return "the sample with each fraction moved by at most 2 %"


def move_fractions(value: Any, draw: Draw, *, has_mark: bool) -> tuple[Any, str]:
    """The value with its fractions moved, and how the number begins that has become the mark (empty: none has)."""
    literals: list[str] = []

    def move(leaf: Any) -> Any:
        if type(leaf) is not float or leaf == 0:
            return leaf
        moved = leaf * draw.uniform(_NEAR, 0.998)
        literal = "" if has_mark or literals else begin_literal(moved, *sorted((leaf, leaf * _NEAR * _NEAR)))
        if literal:
            literals.append(literal)
            return NUMBER_MARK
        return moved

    moved = map_leaves(value, move)
    return moved, "".join(literals)


WORKLOAD = _make
