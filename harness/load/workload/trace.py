"""Prompts and limits of the lengths in a trace, in its order; equal `hash_ids` stand for equal blocks of the prompt.

Only lengths and prefixes are those of the trace, not its times: `[load] rate` and `arrivals` say when to send.
Each prompt ends in a nonce of its own, so that a service can keep a shared prefix and no whole answer.
"""

from __future__ import annotations

from dataclasses import replace

from harness.core.generation_options import find_limit_option, merge_options
from harness.core.workload import Material
from harness.load.draws import NONCE_TOKENS, make_text
from harness.load.forms import TEXT_MARK, QueryForm, Workload
from harness.load.workload.text import put_prompt

_BLOCK = 512
"""Tokens for which one hash stands in Mooncake's traces."""


def _make(material: Material) -> Workload:
    return _Trace(material, len(material.entries), is_unique=True)


class _Trace(Workload):
    def make_form(self, i: int) -> QueryForm:
        entry, sample = self.material.entries[i], self.material.sample
        left = max(1, entry["input_length"] - NONCE_TOKENS)
        blocks = []
        for number in entry.get("hash_ids", ()):
            if left:
                blocks.append(make_text(self.draw(number, "block"), min(left, _BLOCK)))
                left -= min(left, _BLOCK)
        if left:
            blocks.append(make_text(self.draw(i), left))
        inputs = put_prompt(sample.inputs, f"{' '.join(blocks)} {TEXT_MARK}")
        query = replace(sample, inputs=inputs)
        if "output_length" in entry:
            limit = {find_limit_option(query.options): entry["output_length"]}
            query = replace(query, options=merge_options(query.options, limit))
        return QueryForm(query)

    def describe(self) -> str:
        mean = sum(entry["input_length"] for entry in self.material.entries) / self.forms
        return f"the lengths and shared prefixes of {self.forms} lines of a trace, prompts of about {mean:.0f} tokens"


WORKLOAD = _make
