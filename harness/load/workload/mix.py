"""Several workloads at once, each with its weight: the parts of `[[load.mix]]`."""

from __future__ import annotations

from harness.core.workload import Material
from harness.load.forms import MOST_FORMS, QueryForm, Workload, has_mark, make_workload


def _make(material: Material) -> Workload:
    return _Mix(material, MOST_FORMS, is_unique=True)


class _Mix(Workload):
    def __init__(self, material: Material, forms: int, *, is_unique: bool) -> None:
        super().__init__(material, forms, is_unique=is_unique)
        self._parts = [make_workload(part) for part in material.parts]
        weights = [part.weight for part in material.parts]
        self._weights = [weight / sum(weights) for weight in weights]
        self._places = self._deal_forms()

    def _deal_forms(self) -> list[tuple[int, int]]:
        """For each form the part that it is of, and its number in it: always the part that is furthest behind."""
        counts = [0] * len(self._parts)
        places = []
        for i in range(self.forms):
            behind = [weight * (i + 1) - count for weight, count in zip(self._weights, counts, strict=True)]
            part = behind.index(max(behind))
            places.append((part, counts[part]))
            counts[part] += 1
        return places

    def make_form(self, i: int) -> QueryForm:
        part, number = self._places[i]
        return self._parts[part].make_form(number % self._parts[part].forms)

    def is_repeat(self, k: int) -> bool:
        part, number = self._places[k % self.forms]
        if has_mark(self.make_form(k % self.forms)):
            return False
        return k >= self.forms or number >= self._parts[part].forms

    def describe(self) -> str:
        parts = zip(self._weights, self._parts, strict=True)
        return "a mix of " + "; ".join(f"{weight:.0%} {part.describe()}" for weight, part in parts)


WORKLOAD = _make
