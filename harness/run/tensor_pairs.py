"""Pairs of requests of tensors that differ in nothing but a shape, the place of two inputs, or the outputs asked for.

A cache whose key holds only the flat values takes them for one.

Tested in tests/suites/integration/test_tensor_cache.py.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from math import prod
from operator import itemgetter
from typing import Any

from harness.checks.comparison import find_difference
from harness.checks.isolation.cache import AnswerTest
from harness.core.array_shape import find_shape, reshape
from harness.core.exchange import Exchange, Query
from harness.core.json_path import list_leaves, map_leaves
from harness.run.request_pairs import RequestPair, expect_content
from harness.run.session import Session
from harness.run.valid_inputs import Rows, compute_range

TENSOR_REQUESTS = 3 * (2 + 4)
"""The most pairs, each with its controls."""
_SIZES = (2, 3)
_CLOSE_SHARE = 1e-6
"""By what share of itself a number is moved, so that no cache knows it."""


def make_tensor_pairs(session: Session, rows: Rows) -> list[RequestPair]:
    """One pair of each kind that the announced inputs and outputs allow."""
    specs = session.facts.inputs.get("inputs")
    if not isinstance(specs, list) or not specs:
        return []
    sample = rows.sample.inputs
    values = sample if isinstance(sample, dict) else {specs[0]["name"]: sample}
    if values.keys() != set(map(itemgetter("name"), specs)):
        return []
    maker = _TensorPairs(session, rows, specs, values)
    return list(filter(None, (maker.make_shape_pair(), maker.make_exchange(), maker.make_output_pair())))


class _TensorPairs:
    """Requests made of values that nobody asked before; a request's own answer is that of values very close to them."""

    def __init__(
        self, session: Session, rows: Rows, specs: Sequence[Mapping[str, Any]], values: Mapping[str, Any]
    ) -> None:
        self.session, self.rows, self.specs, self.values = session, rows, specs, values
        self.generator = random.Random(f"{session.settings.seed} tensors")

    def make_shape_pair(self) -> RequestPair | None:
        """The same flat values in two shapes, where an input has two open dimensions and is the only one."""
        spec = self.specs[0]
        places = [place for place, size in enumerate(spec["shape"]) if size < 0][:2]
        if len(self.specs) > 1 or len(places) < 2:
            return None
        shapes = []
        for sizes in (_SIZES, _SIZES[::-1]):
            shape = [max(size, 1) for size in spec["shape"]]
            shape[places[0]], shape[places[1]] = sizes
            shapes.append(shape)
        name = f"the shape of its input, {shapes[0]} or {shapes[1]}"
        flat = self._draw(spec, prod(shapes[0]))
        pair = [self._query({spec["name"]: reshape(flat, shape)}) for shape in shapes]
        return self._judge_by_answers(name, pair)

    def make_exchange(self) -> RequestPair | None:
        """Two inputs of one datatype and shape, and the same with their values exchanged."""
        for one, other in combinations(self.specs, 2):
            if (one["datatype"], one["shape"]) != (other["datatype"], other["shape"]):
                continue
            shape = find_shape(self.values[one["name"]])
            if shape != find_shape(self.values[other["name"]]) or not shape:
                continue
            drawn = [reshape(self._draw(spec, prod(shape)), shape) for spec in (one, other)]
            names = (one["name"], other["name"])
            pair = [
                self._query({**self.values, **dict(zip(names, part, strict=True))}) for part in (drawn, drawn[::-1])
            ]
            return self._judge_by_answers(f"the values of its inputs {names[0]} and {names[1]}, exchanged", pair)
        return None

    def make_output_pair(self) -> RequestPair | None:
        """The same values asked for one output, and for another."""
        names = list(map(itemgetter("name"), self.session.facts.inputs.get("outputs") or []))
        if len(names) < 2 or not self.session.capabilities.own_ids:
            return None
        row, one, other = self.rows.draw_fresh(3, "outputs")
        query, fits = self.rows.query([row]), (_has_outputs(names[0]), _has_outputs(names[-1]))
        controls = [_select(self.rows.query([one]), names[0]), _select(self.rows.query([other]), names[-1])]
        own = self.session.ask_many(controls, concurrency=2)
        is_honoured = fits[0](own[0]) and fits[1](own[1])
        pair = [_select(query, names[0]), _select(query, names[-1])]
        why = "a service that was never asked before does not give the outputs that are asked for"
        return RequestPair("the outputs asked for", pair, fits if is_honoured else None, why=why)

    def _judge_by_answers(self, name: str, pair: Sequence[Query]) -> RequestPair:
        """By the answers to values that are a millionth away, or, of whole numbers and texts, by the shapes alone."""
        own = self.session.ask_many([replace(query, inputs=self._move(query.inputs)) for query in pair], concurrency=2)
        contents = [own[0].content, own[1].content]
        if not (own[0].ok and own[1].ok) or None in contents:
            return RequestPair(name, pair, why=f"no answer of their own is known: {own[-1].outcome}")
        tests: tuple[AnswerTest, AnswerTest] = (expect_content(contents[0]), expect_content(contents[1]))
        if float not in map(type, list_leaves(pair[0].inputs)):
            tests = (_has_shapes(own[0]), _has_shapes(own[1]))
        if tests[0](own[1]) or tests[1](own[0]) or find_difference(*contents) is None:
            return RequestPair(name, pair, why="their answers do not differ")
        return RequestPair(name, pair, fits=tests)

    def _query(self, values: Mapping[str, Any]) -> Query:
        inputs = values if isinstance(self.rows.sample.inputs, dict) else next(iter(values.values()))
        return replace(self.rows.sample, inputs=inputs)

    def _draw(self, spec: Mapping[str, Any], n: int) -> list[Any]:
        """n elements like the sample's, in the announced range where there is one."""
        leaves = list_leaves(self.values[spec["name"]])
        low, high = compute_range(leaves)
        low, high = spec.get("minimum", low), spec.get("maximum", high)
        if isinstance(leaves[0], str):
            return [f"{leaves[0]} {self.generator.randrange(10**6)}" for _ in range(n)]
        if isinstance(leaves[0], bool):
            return [place % 2 == 0 for place in range(n)]
        if isinstance(leaves[0], int):
            return [self.generator.randint(int(low), int(high)) for _ in range(n)]
        return [self.generator.uniform(low, high) for _ in range(n)]

    def _move(self, inputs: Any) -> Any:
        """Fractions a millionth smaller, whole numbers and texts drawn anew from those that are there."""
        leaves = list_leaves(inputs)

        def move(leaf: Any) -> Any:
            if type(leaf) is float:
                return leaf * (1 - _CLOSE_SHARE * self.generator.uniform(0.5, 1.0))
            return self.generator.choice(leaves)

        return map_leaves(inputs, move)


def _select(query: Query, output: str) -> Query:
    return replace(query, options={**query.options, "outputs": [output]})


def _has_outputs(name: str) -> AnswerTest:
    """Whether an answer has this output alone."""

    def fits(exchange: Exchange) -> bool:
        return exchange.ok and exchange.answer is not None and list(exchange.answer.outputs) == [name]

    return fits


def _has_shapes(like: Exchange) -> AnswerTest:
    """Whether the outputs of an answer have the shapes of another one's."""

    def list_shapes(exchange: Exchange) -> dict[str, list[int]]:
        outputs = exchange.answer.outputs if exchange.ok and exchange.answer else {}
        return {name: find_shape(value) for name, value in outputs.items()}

    return lambda exchange: list_shapes(exchange) == list_shapes(like)
