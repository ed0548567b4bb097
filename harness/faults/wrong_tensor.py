"""wrong_tensor: numbers in an answer that are no numbers, or have another shape or type."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import inf, nan, prod
from typing import Annotated, Any, Literal

from harness.core.fault import Parameter
from harness.core.http_request import HttpParameters
from harness.core.json_path import list_leaves, map_leaves
from harness.faults._answer_change import AnswerChange
from harness.faults._http_stage import define_http_fault
from harness.faults._shapes import list_objects


@dataclass(frozen=True, slots=True)
class _Parameters(HttpParameters):
    form: Annotated[
        Literal["nan", "inf", "shape", "dtype", "texts", "shorter", "scaled"],
        Parameter(
            "`nan`, `inf`: the first number; `shape`: one dimension less or more; `dtype`: INT64 in V2, else texts; "
            "`texts`: texts, BYTES in V2; `shorter`: the last one is missing, whatever the shape says; "
            "`scaled`: each is doubled"
        ),
    ] = "nan"


class _WrongTensor(AnswerChange[_Parameters]):
    media = "text"
    fields = re.compile(rb"\[\s*-?[0-9NI]")
    writes_nan = True

    def change_json(self, value: Any) -> bool:
        """Change each tensor: lists of numbers, and the outputs of the V2 protocol with shape and datatype."""
        has_changed = False
        for place in list_objects(value):
            for key, child in place.items():
                if key != "shape" and _is_tensor(child):
                    place[key], has_changed = self._change_numbers(child), True
                    self._change_description(place)
        return has_changed

    def _change_numbers(self, tensor: list[Any]) -> Any:
        form = self.parameters.form
        leaves = list_leaves(tensor)
        if form == "shape":
            return leaves if len(leaves) != len(tensor) else [tensor]
        if form in ("dtype", "texts"):
            return map_leaves(tensor, str)
        if form == "shorter":
            return tensor[:-1]
        if form == "scaled":
            return map_leaves(tensor, lambda number: number * 2)
        numbers = iter([nan if form == "nan" else inf, *leaves[1:]])
        return map_leaves(tensor, lambda _: next(numbers))

    def _change_description(self, place: dict[str, Any]) -> None:
        """Shape and datatype of the V2 protocol agree with the changed numbers: only a client that compares sees it."""
        shape = place.get("shape")
        if not isinstance(shape, list) or "datatype" not in place:
            return
        if self.parameters.form == "shape":
            place["shape"] = [prod(shape)] if len(shape) > 1 else [1, *shape]
            place["data"] = list_leaves(place["data"])
        elif self.parameters.form == "texts":
            place["datatype"] = "BYTES"
        elif self.parameters.form == "dtype":
            place["datatype"] = "INT64"
            place["data"] = map_leaves(place["data"], lambda text: int(float(text)))


def _is_tensor(value: Any) -> bool:
    if not isinstance(value, list) or not value:
        return False
    return all(type(leaf) in (int, float) for leaf in list_leaves(value)) and bool(list_leaves(value))


FAULT = define_http_fault(
    "wrong_tensor",
    "arrays of numbers in answers have NaN, Inf, another shape or another type",
    _Parameters(),
    _WrongTensor,
)
