"""Rows: distinct valid inputs for an endpoint, alone or as one batch, in the form of its sample.

Tested in tests/suites/integration/test_cache.py.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from math import prod
from typing import Any

from harness.core.array_shape import find_shape, reshape
from harness.core.dataset import Dataset
from harness.core.exchange import Query
from harness.core.json_path import list_leaves, map_leaves, nest_fields
from harness.protocols.shared.named_fields import fit_types, vary_value
from harness.protocols.shared.opaque_text import is_opaque_text
from harness.run.session import Session

_TEXTS = (
    "The fox sleeps.",
    "Interest rates rose again this spring, and most banks raised the price of their loans within a week.",
    "How do I reset the password of my account?",
    "Boil the pasta for nine minutes in salted water.",
    "The violin concerto in D major was first played in Vienna, by a soloist who had practised it for two days only.",
    "Storms are expected along the coast on Sunday.",
    "Photosynthesis turns light, water and carbon dioxide into sugar and oxygen.",
    "Our team lost the final after a penalty in the last minute of extra time.",
    "def add(a, b): return a + b",
    "The museum is closed on Mondays; tickets for groups of ten or more are sold at half the price.",
    "Take one tablet twice a day with food.",
    "The bridge was built of granite blocks in 1874, and has carried trains without a pause since then.",
)
"""Texts that no embedding takes for one another, short and long, since a batch pads the short ones."""

_FREE_WORDS = 3


class Rows:
    """How one row, or several, are asked of this endpoint. `batches` says whether several fit in one request.

    `has_fields`: a row is an object of named fields. `is_file`: it is a file in base64, or the address of one.

    The sample's outermost dimension is the batch's; a flat sample is one row, and only the metadata of a tensor
    protocol can say that a batch of it may be made.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.sample = session.sample()
        inputs, capabilities = self.sample.inputs, session.capabilities
        specs = session.facts.inputs.get("inputs")
        dimensions = len(find_shape(inputs)) if isinstance(inputs, list) else 0
        is_flat, is_deep = dimensions == 1, dimensions > 1
        takes_batch = isinstance(specs, list) and len(specs) == 1 and len(specs[0]["shape"]) == 2
        has_columns = isinstance(inputs, dict) and bool(inputs) and all(map(find_shape, inputs.values()))
        self._named = has_columns and capabilities.batches
        has_records = is_flat and isinstance(inputs[0], dict)
        self._outer = is_deep or has_records or (is_flat and takes_batch)
        self._row = inputs[0] if is_deep or has_records else inputs
        if self._named:
            self._row = {name: value[0] for name, value in inputs.items()}
        self.has_fields = isinstance(self._row, dict) and not self._named
        self.is_file = session.endpoint.template.upload is not None or is_opaque_text(inputs)
        self.text = (capabilities.text or isinstance(inputs, str)) and not self.is_file
        self.embeds = capabilities.embeds
        has_rows = not self.text and (self._outer or self._named)
        self.batches = capabilities.batches and (self.embeds or has_rows)

    @property
    def row(self) -> Any:
        """The sample's first row."""
        return self._row

    def query(self, rows: Sequence[Any], *, stream: bool = False) -> Query:
        """One request for these rows. Raises `ValueError` for none, or for several where no batch can be made."""
        if not rows or (len(rows) != 1 and not self.batches):
            raise ValueError(f"{len(rows)} rows, and no batch can be made")
        inputs: Any
        if self.embeds:
            inputs = rows[0] if len(rows) == 1 else list(rows)
        elif self._named and isinstance(rows[0], dict):
            inputs = {name: [row[name] for row in rows] for name in rows[0]}
        else:
            shaped = [self._shape_row(row) for row in rows]
            inputs = shaped if self._outer and not self.text else shaped[0]
        return replace(self.sample, inputs=inputs, stream=stream)

    def draw_distinct(self, n: int) -> list[Any]:
        """Valid rows that differ, the same ones for the same seed: of the data, else the sample's with new numbers.

        A prompt is one of the data's where determinism is promised; else it asks for a code of its own to be repeated,
        which distinguishes its answer from every other. Texts to embed have different subjects and lengths.
        """
        generator = random.Random(f"{self.session.settings.seed} rows")
        if self.embeds:
            order = generator.sample(range(len(_TEXTS)), len(_TEXTS))
            return [_number_text(_TEXTS[order[place % len(_TEXTS)]], place) for place in range(n)]
        if self.text and (prompts := self._list_prompts()):
            return generator.sample(prompts, min(n, len(prompts)))
        if self.text and not self.session.endpoint.other_samples:
            return [f"Repeat after me: {generator.randrange(10**7, 10**8)}" for _ in range(n)]
        if rows := self._draw_from_data(n, generator):
            return rows
        return self._vary_samples(n, generator)

    def _draw_from_data(self, n: int, generator: random.Random) -> list[Any]:
        """Distinct rows of the data, if it has some of the form that the service takes; else none."""
        data = self._dataset
        if data is None or isinstance(data.inputs[0], str) or not self._takes_data(data):
            return []
        order = generator.sample(range(len(data.inputs)), len(data.inputs))
        rows = {json.dumps(data.inputs[number]): data.inputs[number] for number in order[: 10 * n]}
        if len(rows) < 2:
            return []
        return list(rows.values())[:n]

    def list_data(self) -> Sequence[Any]:
        """The rows of the data that have the form which the service takes."""
        data = self._dataset
        if data is None or isinstance(data.inputs[0], str) != self.text:
            return ()
        return data.inputs if self.text or self._takes_data(data) else ()

    def _takes_data(self, data: Dataset) -> bool:
        """Whether rows of the data have the form that the service takes: it would refuse every one of another form."""
        if isinstance(data.inputs[0], dict):
            return self.has_fields
        return not isinstance(self._row, dict) or (self.has_fields and bool(data.names))

    def _vary_samples(self, n: int, generator: random.Random) -> list[Any]:
        """Rows like the samples, in turn near each of them, so that their answers differ; of files, the samples."""
        samples = self._list_samples()
        rows = []
        for place in range(n):
            sample = samples[place % len(samples)]
            if self.is_file or place < len(samples) > 1:
                rows.append(sample)
            elif isinstance(sample, str):
                rows.append(f"{sample} {generator.randrange(100, 1000)}")
            elif len(samples) > 1:
                rows.append(_move_slightly(sample, generator))
            elif (drawn := _draw_from_lists(sample, generator)) not in (sample, *rows):
                rows.append(drawn)
            elif self.has_fields:
                rows.append(self._vary_fields(generator))
            else:
                rows.append(_redraw(sample, generator))
        return rows

    def _list_samples(self) -> list[Any]:
        """The sample's row, and that of every further sample."""
        if self.session.sample_query is not None:
            return [self._row]
        others = list(self.session.endpoint.other_samples)
        if self._outer:
            others = [other[0] for other in others]
        return [self._row, *others]

    def _vary_fields(self, generator: random.Random) -> Any:
        varied = vary_value(self._list_samples(), self._row_schema, generator)
        if varied != self._row or not any(isinstance(leaf, str) for leaf in list_leaves(self._row)):
            return varied
        return _redraw(self._row, generator)  # nothing but texts, any of which may be valid

    @property
    def _row_schema(self) -> dict[str, Any]:
        """The announced schema of one row; empty where it is not known."""
        announced = self.session.facts.inputs.get("valid")
        schema: dict[str, Any] = {}
        if isinstance(announced, Mapping):
            schema = announced["input"]
        if self._outer:
            schema = schema.get("items", {})
        return schema

    @property
    def has_codes(self) -> bool:
        """Whether each of the distinct prompts asks for a code of its own, its last word, to be repeated."""
        has_samples = bool(self.session.endpoint.other_samples)
        return self.text and not self.embeds and not has_samples and not self._list_prompts()

    @property
    def _dataset(self) -> Dataset | None:
        data = self.session.settings.data
        return data.dataset if data else None

    def _list_prompts(self) -> list[str]:
        """The prompts of the data, for a service that answers them the same way each time."""
        if self._dataset is None or not self.session.settings.promises.deterministic:
            return []
        prompts = list(dict.fromkeys(prompt for prompt in self._dataset.inputs if isinstance(prompt, str)))
        return prompts if len(prompts) > 1 else []

    def draw_fresh(self, n: int, purpose: str) -> list[Any]:
        """Valid rows that no other check asks, the same ones for the same seed and purpose: no cache can know them."""
        generator = random.Random(f"{self.session.settings.seed} {purpose}")
        if self.text:
            texts = self.draw_distinct(n) if self.embeds else ["Repeat after me:"] * n
            return [f"{text} {generator.randrange(10**7, 10**8)}" for text in texts]
        if self.is_file:
            return self._vary_samples(n, generator)
        if self.has_fields:
            return [self._vary_fields(generator) for _ in range(n)]
        return [_redraw(self._row, generator) for _ in range(n)]

    def draw_long_texts(self, n: int, words: int) -> list[str]:
        """Texts of at least so many words (a word is a token or more), different from their first words on."""
        generator = random.Random(f"{self.session.settings.seed} {words} words")
        vocabulary = sorted({word for text in _TEXTS for word in re.findall(r"[a-z]{3,}", text)})
        texts = []
        for _ in range(n):
            code, body = generator.randrange(10**7, 10**8), " ".join(generator.choices(vocabulary, k=words))
            texts.append(f"{code % 997}: {body}. Repeat after me: {code}")
        return texts

    def replace_text(self, text: str) -> Any | None:
        """The sample's row with this text in place of its own, or of its field with the most words; None without one.

        A field of fewer than three words may be a category.
        """
        row = self._row
        if self.is_file:
            return None
        if isinstance(row, list) and len(row) == 1 and isinstance(row[0], str):
            return [text]
        if not isinstance(row, dict):
            return text if isinstance(row, str) else None
        sizes = {name: len(value.split()) for name, value in row.items() if isinstance(value, str)}
        name = max(sizes, key=sizes.__getitem__, default="")
        return {**row, name: text} if sizes.get(name, 0) >= _FREE_WORDS else None

    def _shape_row(self, row: Any) -> Any:
        if self.has_fields:
            return self._name_fields(row)
        return self._like_sample(row)

    def _name_fields(self, row: Any) -> Any:
        """A row of the data as an object of the service's fields, each of its type."""
        if not isinstance(row, dict):
            if self._dataset is None or len(self._dataset.names) != len(row):
                return row
            row = nest_fields(dict(zip(self._dataset.names, row, strict=True)))
        return fit_types(row, self._row_schema, self._row)

    def _like_sample(self, row: Any) -> Any:
        """A flat row in the shape of the sample's row where that has several dimensions and as many numbers."""
        sizes = find_shape(self._row)
        if len(sizes) < 2 or len(find_shape(row)) != 1 or len(row) != prod(sizes):
            return row
        return reshape(row, sizes)


def _number_text(text: str, place: int) -> str:
    """The text, with its place where all texts are used up and repeat."""
    return text if place < len(_TEXTS) else f"{text} ({place})"


def compute_range(values: Sequence[Any]) -> tuple[Any, Any]:
    """The range of the numbers among these values, widened to 0 and 1 where all are equal."""
    numbers = [value for value in values if type(value) in (int, float)]
    low, high = min(numbers, default=0), max(numbers, default=1)
    return (min(low, 0), max(high, 1)) if low == high else (low, high)


def _move_slightly(row: Any, generator: random.Random) -> Any:
    """The row with each fraction moved by a thousandth at most: its answer stays that of the row, or close to it."""

    def move(leaf: Any) -> Any:
        if type(leaf) is float:
            return leaf * generator.uniform(0.999, 1)
        return leaf

    return map_leaves(row, move)


def _draw_from_lists(value: Any, generator: random.Random) -> Any:
    """The value with each place of a list of texts drawn from the same list: its texts are valid, and known apart."""
    if isinstance(value, dict):
        return {name: _draw_from_lists(part, generator) for name, part in value.items()}
    if not isinstance(value, list):
        return value
    if value and all(isinstance(item, str) and not is_opaque_text(item) for item in value):
        return generator.choices(value, k=len(value))
    return list(map(partial(_draw_from_lists, generator=generator), value))


def _redraw(value: Any, generator: random.Random) -> Any:
    """The value with each number drawn anew from the range of all its numbers; a single number's range is 0 to 1."""
    low, high = compute_range(list_leaves(value))
    draw: dict[type, Callable[[Any], Any]] = {
        int: lambda _: generator.randint(int(low), int(high)),
        float: lambda _: generator.uniform(low, high),
        bool: lambda _: generator.random() < 0.5,
        str: lambda text: text if is_opaque_text(text) else f"{text} {generator.randrange(10**6)}",
    }
    return map_leaves(value, lambda leaf: draw[type(leaf)](leaf) if type(leaf) in draw else leaf)
