"""Prompts by a template: `{{NAME}}` is a field of the row of `[load] dataset`, `{{text}}` else plain words.

A nonce stands in place of `{{nonce}}`, else before the prompt.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from harness.core.errors import UsageError
from harness.core.workload import Material
from harness.load.draws import draw_length, make_text
from harness.load.forms import MOST_FORMS, TEXT_MARK, QueryForm, Workload
from harness.load.workload.text import DEFAULT_LENGTH, put_prompt

_FIELD = re.compile(r"\{\{\s*(\w+)\s*\}\}")


def _make(material: Material) -> Workload:
    for name in _FIELD.findall(material.settings.template or ""):
        for number, row in enumerate(material.entries or ({},), 1):
            if name not in ("nonce", "text") and name not in row:
                raise UsageError(
                    f"[load] template has {{{{{name}}}}}, and row {number} of the dataset has no such field"
                )
    return _Template(material, max(MOST_FORMS, len(material.entries)), is_unique=True)


class _Template(Workload):
    def make_form(self, i: int) -> QueryForm:
        draw, material = self.draw(i), self.material
        row: dict[str, Any] = material.entries[i % len(material.entries)] if material.entries else {}
        length = draw_length(material.settings.input_tokens or DEFAULT_LENGTH, draw)
        fields = {"text": make_text(draw, length), **row, "nonce": TEXT_MARK}
        prompt = _FIELD.sub(lambda match: str(fields[match[1]]), material.settings.template or "")
        if TEXT_MARK not in prompt:
            prompt = f"{TEXT_MARK} {prompt}"
        query = replace(material.sample, inputs=put_prompt(material.sample.inputs, prompt))
        return QueryForm(self.limit_output(query, draw))

    def describe(self) -> str:
        rows = f" over {len(self.material.entries)} rows" if self.material.entries else ""
        return f"prompts by the template{rows}, each with a nonce of its own"


WORKLOAD = _make
