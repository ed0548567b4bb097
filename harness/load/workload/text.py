"""Prompts, each with a nonce of its own at its beginning, so that no cache has seen it.

A configured sample is kept behind the nonce. Otherwise, and where `input_tokens` is given, prompts are written of plain
words. A shared prefix stands before the nonce, as a system prompt would.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from harness.core.workload import Material, SharedPrefix, Spread
from harness.load.draws import NONCE_TOKENS, Draw, draw_length, make_text
from harness.load.forms import TEXT_MARK, QueryForm, Workload, count_forms

DEFAULT_LENGTH = Spread(mean=64, stdev=32, min=12, max=256, distribution="lognormal")
"""The length of prompts where nothing says how long they are."""


def _make(material: Material) -> Workload:
    """Prompts of this material."""
    settings = material.settings
    length = settings.input_tokens or DEFAULT_LENGTH
    tokens = length.middle
    if material.texts and not settings.input_tokens:
        tokens = max(map(len, material.texts)) / 4
    if settings.shared_prefix:
        tokens += settings.shared_prefix.tokens
    return _Text(material, count_forms(tokens), is_unique=True)


class _Text(Workload):
    def make_form(self, i: int) -> QueryForm:
        draw, material = self.draw(i), self.material
        prompt = f"{TEXT_MARK} {self._make_body(i, draw)}"
        prefix = material.settings.shared_prefix
        if prefix and draw.random() < prefix.share:
            prompt = f"{self._make_prefix(prefix, draw)} {prompt}"
        query = replace(material.sample, inputs=put_prompt(material.sample.inputs, prompt))
        return QueryForm(self.limit_output(query, draw))

    def _make_body(self, i: int, draw: Draw) -> str:
        settings, texts = self.material.settings, self.material.texts
        if texts and not settings.input_tokens:
            return texts[i % len(texts)]
        length = draw_length(settings.input_tokens or DEFAULT_LENGTH, draw)
        return make_text(draw, length - NONCE_TOKENS)

    def _make_prefix(self, prefix: SharedPrefix, draw: Draw) -> str:
        return make_text(self.draw(draw.randrange(prefix.count), "prefix"), prefix.tokens)

    def describe(self) -> str:
        settings = self.material.settings
        what = "the configured text"
        if settings.input_tokens or not self.material.texts:
            length = (settings.input_tokens or DEFAULT_LENGTH).describe("tokens")
            what = f"prompts of about {length}"
        elif len(self.material.texts) > 1:
            what = f"{len(self.material.texts)} texts in turn"
        line = f"{what}, each with a nonce of its own"
        if settings.shared_prefix:
            prefix = settings.shared_prefix
            line += f"; {prefix.share:.0%} begin with one of {prefix.count} prefixes of about {prefix.tokens} tokens"
        if settings.output_tokens:
            line += f"; answers are limited to {settings.output_tokens.describe('tokens')}"
        return line


def find_text(inputs: Any) -> str | None:
    """The prompt in the inputs of a query; None where there is none."""
    if isinstance(inputs, str):
        return inputs
    text = None
    if isinstance(inputs, dict) and "documents" in inputs:
        text = inputs.get("query")
    if isinstance(inputs, list) and inputs:
        last = inputs[-1]
        if isinstance(last, dict) and "role" in last:
            text = last.get("content")
        elif all(isinstance(part, str) for part in inputs):
            text = inputs[0]
    return text if isinstance(text, str) else None


def put_prompt(inputs: Any, prompt: str) -> Any:
    """Inputs of the same form with another prompt: a text, texts, messages, or a query beside documents."""
    if isinstance(inputs, dict):
        return {**inputs, "query": prompt}
    if isinstance(inputs, list):
        if isinstance(inputs[-1], dict):
            return [*inputs[:-1], {**inputs[-1], "content": prompt}]
        return [prompt, *inputs[1:]]
    return prompt


WORKLOAD = _make
