"""Rows: distinct valid inputs for an endpoint, alone or as one batch, in the form of its sample.

Tested in tests/suites/integration/test_cache.py.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod
from typing import Any

from harness.core.array_shape import find_shape, reshape
from harness.core.exchange import Query
from harness.core.json_path import list_leaves, map_leaves
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


class Rows:
    """How one row, or several, are asked of this endpoint. `batches` says whether several fit in one request.

    The sample's outermost dimension is the batch's; a flat sample is one row, and only the metadata of a tensor
    protocol can say that a batch of it may be made.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.sample = session.sample()
        inputs = self.sample.inputs
        specs = session.facts.inputs.get("inputs")
        self._named = isinstance(inputs, dict) and bool(inputs) and all(map(find_shape, inputs.values()))
        flat = isinstance(inputs, list) and len(find_shape(inputs)) == 1
        stated = isinstance(specs, list) and len(specs) == 1 and len(specs[0]["shape"]) == 2
        able = session.capabilities
        deep = isinstance(inputs, list) and len(find_shape(inputs)) > 1
        self.text = able.text or isinstance(inputs, str)
        self._outer = deep or (flat and stated)
        self._row = inputs if flat or not deep else inputs[0]
        if self._named:
            self._row = {name: value[0] for name, value in inputs.items()}
        self.embeds = able.embeds
        self.batches = able.batches and (able.embeds or (not self.text and (self._outer or self._named)))

    def query(self, rows: Sequence[Any], *, stream: bool = False) -> Query:
        """One request for these rows. Raises `ValueError` for none, or for several where no batch can be made."""
        if not rows or (len(rows) != 1 and not self.batches):
            raise ValueError(f"{len(rows)} rows, and no batch can be made")
        if self.embeds:
            given: Any = rows[0] if len(rows) == 1 else list(rows)
        elif self._named and isinstance(rows[0], dict):
            given = {name: [row[name] for row in rows] for name in rows[0]}
        else:
            formed = [self._like_sample(row) for row in rows]
            given = formed if self._outer and not self.text else formed[0]
        return replace(self.sample, inputs=given, stream=stream)

    def distinct(self, n: int) -> list[Any]:
        """Valid rows that differ, the same ones for the same seed: of the data, else the sample's numbers moved.

        A prompt is one of the data's where determinism is promised; else it asks for a code of its own to be repeated,
        so that its answer can be told from every other. Texts to
        embed speak of different things, in different lengths.
        """
        seed = f"{self.session.settings.seed} rows"
        chosen = random.Random(seed)
        data = self.session.settings.data.dataset if self.session.settings.data else None
        if self.embeds:
            order = chosen.sample(range(len(_TEXTS)), len(_TEXTS))
            return [_TEXTS[order[at % len(_TEXTS)]] + (f" ({at})" if at >= len(_TEXTS) else "") for at in range(n)]
        if self.text and (prompts := self._prompts()):
            return chosen.sample(prompts, min(n, len(prompts)))
        if self.text:
            return [f"Repeat after me: {chosen.randrange(10**7, 10**8)}" for _ in range(n)]
        if data is not None and not isinstance(data.inputs[0], str):
            order = chosen.sample(range(len(data.inputs)), len(data.inputs))
            found = {tuple(data.inputs[at]): data.inputs[at] for at in order[: 10 * n]}
            if len(found) > 1:
                return list(found.values())[:n]
        return [_moved(self._row, chosen) for _ in range(n)]

    @property
    def coded(self) -> bool:
        """Whether each of the distinct prompts asks for a code of its own, its last word, to be repeated."""
        return self.text and not self.embeds and not self._prompts()

    def _prompts(self) -> list[str]:
        """The prompts of the data, for a service that answers them the same way each time: a model may repeat none."""
        data = self.session.settings.data.dataset if self.session.settings.data else None
        if data is None or not self.session.settings.promises.deterministic:
            return []
        found = list(dict.fromkeys(each for each in data.inputs if isinstance(each, str)))
        return found if len(found) > 1 else []

    def fresh(self, n: int, purpose: str) -> list[Any]:
        """Valid rows that nothing else asks, the same ones for the same seed and purpose: no cache can know them."""
        chosen = random.Random(f"{self.session.settings.seed} {purpose}")
        if self.text:
            given = self.distinct(n) if self.embeds else ["Repeat after me:"] * n
            return [f"{text} {chosen.randrange(10**7, 10**8)}" for text in given]
        return [_moved(self._row, chosen) for _ in range(n)]

    def _like_sample(self, row: Any) -> Any:
        """A flat row in the shape of the sample's row where that has several dimensions and as many numbers."""
        sizes = find_shape(self._row)
        if len(sizes) < 2 or len(find_shape(row)) != 1 or len(row) != prod(sizes):
            return row
        return reshape(row, sizes)


def compute_range(found: Sequence[Any]) -> tuple[Any, Any]:
    """The range of the numbers among these values, widened by 0 and 1 where all are one."""
    numbers = [each for each in found if type(each) in (int, float)]
    low, high = min(numbers, default=0), max(numbers, default=1)
    return (min(low, 0), max(high, 1)) if low == high else (low, high)


def _moved(value: Any, chosen: random.Random) -> Any:
    """The value with each number drawn anew from the range of all its numbers; a single number's range is 0 to 1."""
    low, high = compute_range(list_leaves(value))
    draw: dict[type, Callable[[Any], Any]] = {
        int: lambda _: chosen.randint(int(low), int(high)),
        float: lambda _: chosen.uniform(low, high),
        bool: lambda _: chosen.random() < 0.5,
        str: lambda text: f"{text} {chosen.randrange(10**6)}",
    }
    return map_leaves(value, lambda each: draw.get(type(each), lambda same: same)(each))
