"""partial_batch: some items of a batch are missing in its answer, null, or errors."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Annotated, Any, Literal

from harness.core.fault import Parameter
from harness.core.http_request import HttpParameters
from harness.core.json_path import list_leaves
from harness.faults._answer_change import AnswerChange
from harness.faults._http_stage import define_http_fault

_BATCHES = ("predictions", "data", "choices", "results", "outputs", "embeddings", "instances")
"""Fields with one entry for each item of a batch."""


@dataclass(frozen=True, slots=True)
class _Parameters(HttpParameters):
    items: Annotated[int, Parameter("items at the end of the batch that fail", low=1, high=1_000_000)] = 1
    form: Annotated[Literal["missing", "null", "error"], Parameter("what is in their place")] = "missing"


class _PartialBatch(AnswerChange[_Parameters]):
    media = "json"

    def change_json(self, value: Any) -> bool:
        """Strike the items of the batch: entries of a list, or rows of the V2 protocol's outputs."""
        if isinstance(value, list):
            return self._change_list(value)
        if not isinstance(value, dict):
            return False
        tensors = value.get("outputs")
        if isinstance(tensors, list) and tensors and all(map(_is_tensor, tensors)):
            return sum(map(self._change_tensor, tensors)) > 0
        batches = [value[key] for key in _BATCHES if isinstance(value.get(key), list)]
        return sum(map(self._change_list, batches)) > 0

    def _change_list(self, batch: list[Any]) -> bool:
        lost = min(self.parameters.items, len(batch))
        if lost:
            batch[-lost:] = self._make_rest(lost)
        return bool(lost)

    def _change_tensor(self, tensor: dict[str, Any]) -> bool:
        rows, *rest = tensor["shape"]
        lost = min(self.parameters.items, rows)
        numbers = list_leaves(tensor["data"])
        if lost:
            numbers[-lost * prod(rest) :] = []
            tensor["data"], tensor["shape"] = numbers, [rows - lost, *rest]
        if lost and self.parameters.form != "missing":
            numbers += [None] * (lost * prod(rest))
            tensor["shape"] = [rows, *rest]
        return bool(lost)

    def _make_rest(self, lost: int) -> list[Any]:
        if self.parameters.form == "error":
            return [{"error": {"message": "injected error", "code": 500}} for _ in range(lost)]
        return [None] * lost if self.parameters.form == "null" else []


def _is_tensor(value: Any) -> bool:
    shape = value.get("shape") if isinstance(value, dict) else None
    return isinstance(shape, list) and bool(shape) and isinstance(value.get("data"), list)


FAULT = define_http_fault(
    "partial_batch", "some items of a batch are missing in its answer, null, or errors", _Parameters(), _PartialBatch
)
