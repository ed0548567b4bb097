"""Rows: distinct valid inputs for an endpoint, alone or as one batch, in the form of its sample."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod
from typing import Any

from harness.core.exchange import Query
from harness.run.session import Session


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
        self._named = isinstance(inputs, dict) and bool(inputs) and all(_shape(each)[:1] for each in inputs.values())
        flat = isinstance(inputs, list) and len(_shape(inputs)) == 1
        stated = isinstance(specs, list) and len(specs) == 1 and len(specs[0]["shape"]) == 2
        able = session.adapter.capabilities(session.endpoint, session.facts)
        deep = isinstance(inputs, list) and len(_shape(inputs)) > 1
        self.text = able.text or isinstance(inputs, str)
        self._outer = deep or (flat and stated)
        self._row = inputs if flat or not deep else inputs[0]
        if self._named:
            self._row = {name: value[0] for name, value in inputs.items()}
        self.batches = able.batches and not self.text and (self._outer or self._named)

    def query(self, rows: Sequence[Any], *, stream: bool = False) -> Query:
        """One request for these rows. Raises `ValueError` for several rows where no batch can be made."""
        if len(rows) != 1 and not self.batches:
            raise ValueError(f"{len(rows)} rows, and no batch can be made")
        if self._named and isinstance(rows[0], dict):
            given: Any = {name: [row[name] for row in rows] for name in rows[0]}
        else:
            shaped = [self._like_sample(row) for row in rows]
            given = shaped if self._outer and not self.text else shaped[0]
        return replace(self.sample, inputs=given, stream=stream)

    def distinct(self, n: int) -> list[Any]:
        """Valid rows that differ, the same ones for the same seed: of the data, else the sample's numbers moved.

        A prompt asks for a code of its own to be repeated, so that its answer can be told from every other.
        """
        seed = f"{self.session.settings.seed} rows"
        chosen = random.Random(seed)
        data = self.session.settings.data.dataset if self.session.settings.data else None
        if self.text:
            return [f"Repeat after me: {chosen.randrange(10**7, 10**8)}" for _ in range(n)]
        if data is not None and not isinstance(data.inputs[0], str):
            order = chosen.sample(range(len(data.inputs)), len(data.inputs))
            found = {tuple(data.inputs[at]): data.inputs[at] for at in order[: 10 * n]}
            if len(found) > 1:
                return list(found.values())[:n]
        return [_moved(self._row, chosen) for _ in range(n)]

    def _like_sample(self, row: Any) -> Any:
        """A flat row in the shape of the sample's row where that has several dimensions and as many numbers."""
        shape = _shape(self._row) if isinstance(self._row, list) else ()
        if not isinstance(row, list) or len(shape) < 2 or len(_shape(row)) != 1 or len(row) != prod(shape):
            return row
        for size in reversed(shape[1:]):
            row = [row[at : at + size] for at in range(0, len(row), size)]
        return row


def _shape(value: Any) -> tuple[int, ...]:
    return (len(value), *(_shape(value[0]) if value else ())) if isinstance(value, list) else ()


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    return [leaf for each in value for leaf in _leaves(each)] if isinstance(value, list) else [value]


def _moved(value: Any, chosen: random.Random) -> Any:
    """The value with each number drawn anew from the range of all its numbers; a single number's range is 0 to 1."""
    numbers = [leaf for leaf in _leaves(value) if type(leaf) in (int, float)]
    low, high = min(numbers, default=0), max(numbers, default=1)
    if low == high:
        low, high = min(low, 0), max(high, 1)
    draw: dict[type, Callable[[Any], Any]] = {
        int: lambda _: chosen.randint(int(low), int(high)),
        float: lambda _: chosen.uniform(low, high),
        bool: lambda _: chosen.random() < 0.5,
        str: lambda text: f"{text} {chosen.randrange(10**6)}",
    }

    def moved(each: Any) -> Any:
        if isinstance(each, list):
            return [moved(part) for part in each]
        if isinstance(each, dict):
            return {name: moved(part) for name, part in each.items()}
        return draw.get(type(each), lambda same: same)(each)

    return moved(value)
