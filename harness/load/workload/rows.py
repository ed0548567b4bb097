"""The rows of `[data]`, each once; after the last one they begin anew."""

from __future__ import annotations

from dataclasses import replace

from harness.core.errors import UsageError
from harness.core.workload import Material
from harness.load.forms import QueryForm, Workload


def _make(material: Material) -> Workload:
    """Rows in the order of the material. Raises `UsageError` where there are none."""
    if not material.entries:
        raise UsageError("[load] workload = 'rows' needs [data] file with rows of the form that the service takes")
    return _Rows(material, len(material.entries), is_unique=False)


class _Rows(Workload):
    def make_form(self, i: int) -> QueryForm:
        return QueryForm(replace(self.material.sample, inputs=self.material.entries[i]))

    def describe(self) -> str:
        return f"{self.forms} distinct rows of [data], each once before the first comes again"


WORKLOAD = _make
