"""One request body, sent again and again: what a cache can answer is answered from it."""

from __future__ import annotations

from harness.core.workload import Material
from harness.load.forms import QueryForm, Workload


def _make(material: Material) -> Workload:
    """Repeat the sample."""
    return _Sample(material, 1, is_unique=False)


class _Sample(Workload):
    def make_form(self, i: int) -> QueryForm:
        return QueryForm(self.material.sample)

    def describe(self) -> str:
        return "one request body, the sample: repeats may be answered from a cache"


WORKLOAD = _make
