"""The prompts or conversations of `[load] dataset`, each once; after the last one they begin anew.

A conversation is asked up to its first message of a user.
"""

from __future__ import annotations

from dataclasses import replace

from harness.core.workload import Material
from harness.load.forms import QueryForm, Workload
from harness.load.workload.text import put_prompt


def _make(material: Material) -> Workload:
    return _Dataset(material, len(material.entries), is_unique=False)


class _Dataset(Workload):
    def make_form(self, i: int) -> QueryForm:
        entry, sample = self.material.entries[i], self.material.sample
        inputs = entry.get("messages")
        if inputs is None:
            inputs = put_prompt(sample.inputs, entry["prompt"])
        return QueryForm(self.limit_output(replace(sample, inputs=inputs), self.draw(i)))

    def describe(self) -> str:
        return f"{self.forms} distinct rows of [load] dataset, each once before the first comes again"


WORKLOAD = _make
