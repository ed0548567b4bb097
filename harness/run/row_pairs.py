"""Pairs of rows of numbers that differ in one of them, asked in turn, with what each is answered on its own.

Tested in tests/suites/integration/test_cache.py.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

from harness.checks.comparison import find_difference
from harness.checks.isolation.cache import AnswerTest, AskedPair
from harness.core.exchange import Exchange, Query
from harness.core.json_path import list_leaves, map_leaves, replace_leaves
from harness.run.request_pairs import RequestPair, ask_model_pair, ask_pairs, expect_content, make_code_pairs
from harness.run.session import Session
from harness.run.tensor_pairs import TENSOR_REQUESTS, make_tensor_pairs
from harness.run.valid_inputs import Rows, compute_range

_STEPS = 12
"""Halvings in the search for a number that changes a label."""
OTHER_ROWS = 7
"""Rows that are tried for one with another answer than the first's: few labels are shared by many rows."""
_FLOAT_BITS = {24: "a float of 32 bits", 53: "a double"}
"""Up to which power of two a float holds every whole number."""
ROW_REQUESTS = 2 * (1 + 4) + (6 + 3 * 4) + (1 + OTHER_ROWS) + (_STEPS + 2 + 4) + 4 + 6 + TENSOR_REQUESTS
"""Pairs of one number, two rows with two answers, the search, order of rows, the model's name, tensors."""
CLOSE_SHARE = 1e-6
"""By what share of itself, or of its distance to the middle of the range if that is less, a number is moved, so that no
cache knows it."""


def ask_row_pairs(session: Session, rows: Rows) -> list[AskedPair]:
    """Rows of numbers that differ in one number, batches that differ in their order, requests for another model."""
    if rows.text:
        generator = random.Random(f"{session.settings.seed} pairs")
        if session.endpoint.other_samples and not rows.has_codes:
            return ask_pairs(session, [_make_sample_pair(session, rows, generator)])
        return ask_pairs(session, make_code_pairs(session, rows, generator))
    if rows.is_file:
        return ask_pairs(session, [_make_sample_pair(session, rows, generator=None)])
    maker = _NumberPairs(session, rows)
    if not maker.places and session.endpoint.other_samples:
        return ask_pairs(session, [_make_sample_pair(session, rows, generator=None)])
    pairs = [maker.make_pair(name, place) for name, place in maker.choose_places()]
    asked = ask_pairs(session, [*pairs, *maker.make_whole_pairs()])
    if not any(pair.fits for pair in asked) and (pair := maker.search_pair()):
        asked += ask_pairs(session, [pair])
    if session.endpoint.other_samples and not any(pair.fits for pair in asked):
        asked += ask_pairs(session, [_make_sample_pair(session, rows, generator=None)])
    if rows.batches:
        asked += ask_pairs(session, [maker.make_order_pair()])
    asked += ask_pairs(session, make_tensor_pairs(session, rows))
    return [*asked, *ask_model_pair(session, rows)]


def _make_sample_pair(session: Session, rows: Rows, generator: random.Random | None) -> RequestPair:
    """The sample and one with another answer.

    A text's own answer is that of the text with another number after it, unless the number changes the answer.
    """
    one, other = (rows.draw_distinct(2) * 2)[:2]
    controls, pair = [one, other], [one, other]
    if generator is not None:
        first, last = generator.sample(range(100, 1000), 2)
        controls, pair = [f"{one} {first}", f"{other} {first}"], [f"{one} {last}", f"{other} {last}"]
    own = [exchange.content for exchange in session.ask_many([rows.query([row]) for row in controls], concurrency=2)]
    if generator is not None and None not in own:
        varied = session.ask(rows.query([f"{one} {generator.randrange(1000, 10_000)}"])).content
        if varied is None or find_difference(own[0], varied) is not None:
            return _make_sample_pair(session, rows, generator=None)
    queries = [rows.query([row]) for row in pair]
    if None in own or find_difference(*own) is None:
        return RequestPair("its content", queries, why="their answers do not differ")
    return RequestPair("its content", queries, fits=(expect_content(own[0]), expect_content(own[1])))


class _NumberPairs:
    """Pairs made of two distinct rows; a row's own answer is that of the row with every number moved by a millionth."""

    def __init__(self, session: Session, rows: Rows) -> None:
        self.session, self.rows = session, rows
        self.generator = random.Random(f"{session.settings.seed} pairs")
        self.base, *self.others = rows.draw_distinct(1 + OTHER_ROWS)
        self.ranges = _find_ranges(self.base, self.others, by_field=rows.has_fields)
        self.places = [place for place, leaf in enumerate(list_leaves(self.base)) if type(leaf) in (int, float)]
        self._answers: tuple[Any, Any, Any] | None = None

    def choose_places(self) -> list[tuple[str, int]]:
        """The last, the first and a middle number of a row, with their places among its leaves."""
        if not self.places:
            return []
        middle = self.places[len(self.places) // 2]
        names = {
            middle: "a number in its middle",
            self.places[0]: "its first number",
            self.places[-1]: "its last number",
        }
        return [(name, place) for place, name in names.items()]

    def make_pair(self, name: str, place: int) -> RequestPair:
        """A row, and the same with one number as far away as the range allows."""
        leaves = list_leaves(self.base)
        low, high = self.ranges[place]
        moved = low if abs(leaves[place] - low) > abs(leaves[place] - high) else high
        other = replace_leaves(self.base, [*leaves[:place], type(leaves[place])(moved), *leaves[place + 1 :]])
        return self._make_judgeable(name, self.base, other)

    def make_whole_pairs(self) -> list[RequestPair]:
        """Two whole numbers that only a narrower float takes for one, where the service repeats smaller ones."""
        pairs: list[RequestPair] = []
        if int not in map(type, list_leaves(self.base)):
            return pairs
        for bits, name in _FLOAT_BITS.items():
            smaller, low = 2 ** (bits - 1) + 1, 2**bits
            if not _repeats(smaller)(self.session.ask(self._query_whole(smaller))):
                continue
            words = f"a whole number that it repeats, {low} or {low + 1}, which {name} takes for one"
            queries = [self._query_whole(low), self._query_whole(low + 1)]
            pairs.append(RequestPair(words, queries, fits=(_repeats(low), _repeats(low + 1))))
        return pairs

    def _query_whole(self, number: int) -> Query:
        """The first row with this number in the place of each whole number."""
        return self.rows.query([map_leaves(self.base, lambda leaf: number if type(leaf) is int else leaf)])

    def find_answers(self) -> tuple[Any, Any, Any]:
        """The answer to the first row, a row with another answer, and that answer; None for what there is not."""
        if self._answers is None:
            own = self._ask_closely(self.base)
            self._answers = own, None, None
            for row in self.others if own is not None else ():
                other = self._ask_closely(row)
                if other is not None and find_difference(own, other) is not None:
                    self._answers = own, row, other
                    break
        return self._answers

    def make_order_pair(self) -> RequestPair:
        """A batch of two rows, and the same two in the other order."""
        name, (own, row, other) = "the order of its rows", self.find_answers()
        if row is None:
            queries = [self.rows.query([self.base, *self.others[:1]])] * 2
            return RequestPair(name, queries, why="the rows have one answer")
        queries = [self.rows.query([self.base, row]), self.rows.query([row, self.base])]
        names = own.keys() - (self.session.facts.request_outputs or ())
        names = [output for output in names if _has_one_entry(own[output]) and _has_one_entry(other.get(output))]
        expected = {output: [*own[output], *other[output]] for output in names}
        reverse = {output: [*other[output], *own[output]] for output in names}
        if find_difference(expected, reverse) is None:
            return RequestPair(name, queries, why="no output has one entry for each row")
        return RequestPair(name, queries, fits=(expect_content(expected), expect_content(reverse)))

    def search_pair(self) -> RequestPair | None:
        """Two rows that differ in one number and in their label, found by halving the way from one row to another."""
        near, start, end = list_leaves(self.base), 0, len(self.places)
        own, row, _ = self.find_answers()
        far = list_leaves(row)
        if row is None or len(far) != len(near) or not self.places:
            return None

        def mix(count: int) -> Any:
            """The far row with the first `count` numbers of the near one."""
            leaves = list(far)
            for place in self.places[:count]:
                leaves[place] = near[place]
            return replace_leaves(self.base, leaves)

        for _ in range(_STEPS):
            if end - start <= 1:
                break
            middle = (start + end) // 2
            answer = self._ask_closely(mix(middle))
            if answer is None or find_difference(own, answer):
                start = middle
            else:
                end = middle
        if end - start != 1:
            return None
        return self._make_judgeable("1 of its numbers", mix(start), mix(end))

    def _make_judgeable(self, name: str, one: Any, other: Any) -> RequestPair:
        own = [self._ask_closely(row) for row in (one, other)]
        queries = [self.rows.query([row]) for row in (one, other)]
        if None in own:
            return RequestPair(name, queries, why="no answer of their own is known")
        if find_difference(*own) is None:
            return RequestPair(name, queries, why="their answers do not differ")
        return RequestPair(name, queries, fits=(expect_content(own[0]), expect_content(own[1])), must_differ=True)

    def _ask_closely(self, row: Any) -> Any:
        """The answer to a row where no cache can know it; None where that cannot be found out."""
        leaves = list_leaves(row)
        if any(type(leaf) is float for leaf in leaves):
            exchange = self.session.ask(
                self.rows.query([replace_leaves(row, map(self._move_closely, leaves, self.ranges))])
            )
            return exchange.content if exchange.ok else None
        if not self.rows.batches:
            return None
        before, after = (replace_leaves(row, self._draw_integers(leaves)) for _ in range(2))
        exchange = self.session.ask(self.rows.query([before, row, after]))
        outputs = exchange.content if exchange.ok else None
        if not isinstance(outputs, dict):
            return None
        own = {name: value[1:2] for name, value in outputs.items() if isinstance(value, list) and len(value) == 3}
        return own or None

    def _move_closely(self, value: Any, limits: tuple[Any, Any]) -> Any:
        """A fraction moved a little towards the middle of the range, so that it stays valid."""
        if type(value) is not float:
            return value
        low, high = limits
        middle = (low + high) / 2
        step = middle - value or high - middle
        if value:  # in a wide range, a share of the range may be much of a small number
            step = math.copysign(min(abs(step), abs(value)), step)
        return value + step * CLOSE_SHARE * self.generator.uniform(0.5, 1.0)

    def _draw_integers(self, values: Sequence[Any]) -> list[Any]:
        """Other whole numbers in the range, in the place of the row's."""
        drawn = []
        for value, (low, high) in zip(values, self.ranges, strict=False):
            drawn.append(self.generator.randint(int(low), int(high)) if type(value) is int else value)
        return drawn


def _repeats(number: int) -> AnswerTest:
    """Whether an answer has this whole number in it, and not the next one below or above."""

    def fits(exchange: Exchange) -> bool:
        leaves = list_leaves(exchange.content) if exchange.ok and exchange.answer else []
        numbers = set(filter(_is_whole, leaves))
        return number in numbers and numbers.isdisjoint({number - 1, number + 1})

    return fits


def _is_whole(value: Any) -> bool:
    return type(value) is int


def _has_one_entry(output: Any) -> bool:
    return isinstance(output, list) and len(output) == 1


def _find_ranges(base: Any, others: Sequence[Any], *, by_field: bool) -> list[tuple[Any, Any]]:
    """For each leaf of a row the range of its numbers: one for all of them, or of the rows' values of its field."""
    leaves = list_leaves(base)
    if not by_field:
        return [compute_range(list_leaves([base, *others[:1]]))] * len(leaves)
    rows = [leaves, *(row for other in others if len(row := list_leaves(other)) == len(leaves))]
    return [compute_range(column) for column in zip(*rows, strict=True)]
