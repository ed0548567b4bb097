"""Pairs of rows of numbers that differ in one of them, asked in turn, with what each is answered on its own.

Tested in tests/suites/integration/test_cache.py.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from harness.checks.comparison import find_difference
from harness.checks.isolation.cache import AnswerTest, AskedPair
from harness.core.exchange import Exchange
from harness.core.json_path import list_leaves, replace_leaves
from harness.run.request_pairs import Pair, coded, other_model, play
from harness.run.session import Session
from harness.run.valid_inputs import Rows, compute_range

_STEPS = 12
"""Halvings in the search for a number that changes a label."""
OTHERS = 7
"""Rows tried for one whose answer is another than the first's: few labels are shared by many rows."""
ROW_REQUESTS = (6 + 3 * 4) + (1 + OTHERS) + (_STEPS + 2 + 4) + 4 + 6
"""Pairs of one number, two rows with two answers, the search, the order of rows, the model's name."""
CLOSE = 1e-6
"""By what share of its distance to the middle of the range a number is moved, so that no cache knows it."""


def rows_apart(session: Session, rows: Rows) -> list[AskedPair]:
    """Rows of numbers that differ in one number, batches that differ in their order, requests for another model."""
    if rows.text:
        return play(session, coded(session, rows, random.Random(f"{session.settings.seed} pairs")))
    made = _NumberPairs(session, rows)
    played = play(session, [made.pair(name, at) for name, at in made.places()])
    if not any(each.fits for each in played) and (found := made.searched()):
        played += play(session, [found])
    if rows.batches:
        played += play(session, [made.order()])
    return [*played, *other_model(session, rows)]


class _NumberPairs:
    """Pairs made of two distinct rows; a row's own answer is that of the row with every number moved by a millionth."""

    def __init__(self, session: Session, rows: Rows) -> None:
        self.session, self.rows = session, rows
        self.chosen = random.Random(f"{session.settings.seed} pairs")
        self.base, *self.others = rows.distinct(1 + OTHERS)
        self._two: tuple[Any, Any, Any] | None = None
        self.low, self.high = compute_range(list_leaves([self.base, *self.others[:1]]))
        self.at = [at for at, each in enumerate(list_leaves(self.base)) if type(each) in (int, float)]

    def places(self) -> list[tuple[str, int]]:
        """The last, the first and a middle number of a row."""
        names = {"its last number": -1, "its first number": 0, "a number in its middle": len(self.at) // 2}
        found = {self.at[place]: name for name, place in reversed(names.items())} if self.at else {}
        return [(name, at) for at, name in found.items()]

    def pair(self, name: str, at: int) -> Pair:
        """A row, and the same with one number as far away as the range allows."""
        given = list_leaves(self.base)
        moved = self.low if abs(given[at] - self.low) > abs(given[at] - self.high) else self.high
        other = replace_leaves(self.base, [*given[:at], type(given[at])(moved), *given[at + 1 :]])
        return self._told(name, self.base, other)

    def two(self) -> tuple[Any, Any, Any]:
        """The answer to the first row, a row with another answer, and that; None for what is not found."""
        if self._two is None:
            own = self._single(self.base)
            self._two = own, None, None
            for row in self.others if own is not None else ():
                other = self._single(row)
                if other is not None and find_difference(own, other) is not None:
                    self._two = own, row, other
                    break
        return self._two

    def order(self) -> Pair:
        """A batch of two rows, and the same two in the other order."""
        name, (one, far, two) = "the order of its rows", self.two()
        if far is None:
            queries = [self.rows.query([self.base, *self.others[:1]])] * 2
            return Pair(name, queries, why="the rows have one answer")
        queries = [self.rows.query(given) for given in ([self.base, far], [far, self.base])]
        names = [each for each in one if len(one[each]) == len(two.get(each, ())) == 1]
        expected = [{each: [*a[each], *b[each]] for each in names} for a, b in ((one, two), (two, one))]
        if find_difference(*expected) is None:
            return Pair(name, queries, why="no output has one entry for each row")
        return Pair(name, queries, fits=(_like(expected[0]), _like(expected[1])))

    def searched(self) -> Pair | None:
        """Two rows that differ in one number and in their label, found by halving the way from one row to another."""
        near, start, end = list_leaves(self.base), 0, len(self.at)
        own, row, _ = self.two()
        far = list_leaves(row)
        if row is None or len(far) != len(near) or not self.at:
            return None

        def mixed(count: int) -> Any:
            kept = set(self.at[:count])
            both = enumerate(zip(near, far, strict=True))
            return replace_leaves(self.base, [one if at in kept else other for at, (one, other) in both])

        for _ in range(_STEPS):
            if end - start <= 1:
                break
            middle = (start + end) // 2
            found = self._single(mixed(middle))
            start, end = (middle, end) if found is None or find_difference(own, found) else (start, middle)
        return self._told(f"{end - start} of its numbers", mixed(start), mixed(end)) if end - start == 1 else None

    def _told(self, name: str, one: Any, other: Any) -> Pair:
        own = [self._single(row) for row in (one, other)]
        queries = [self.rows.query([row]) for row in (one, other)]
        if None in own:
            return Pair(name, queries, why="no answer of their own is known")
        if find_difference(*own) is None:
            return Pair(name, queries, why="their answers do not differ")
        return Pair(name, queries, fits=(_like(own[0]), _like(own[1])), unequal=True)

    def _single(self, row: Any) -> Any:
        """What a row is answered where no cache can know it; None: that cannot be found out."""
        if any(type(each) is float for each in list_leaves(row)):
            found = self.session.ask(self.rows.query([replace_leaves(row, map(self._closely, list_leaves(row)))]))
            return found.content if found.ok else None
        if not self.rows.batches:
            return None
        before, after = (replace_leaves(row, self._shuffled(list_leaves(row))) for _ in range(2))
        found = self.session.ask(self.rows.query([before, row, after]))
        outputs = found.content if found.ok else None
        if not isinstance(outputs, dict):
            return None
        own = {name: value[1:2] for name, value in outputs.items() if isinstance(value, list) and len(value) == 3}
        return own or None

    def _closely(self, value: Any) -> Any:
        """A fraction moved a little towards the middle of the range, so that it stays valid."""
        if type(value) is not float:
            return value
        middle = (self.low + self.high) / 2
        return value + (middle - value or self.high - middle) * CLOSE * self.chosen.uniform(0.5, 1.0)

    def _shuffled(self, values: Sequence[Any]) -> list[Any]:
        """Other whole numbers in the range, in the place of the row's."""
        return [self.chosen.randint(int(self.low), int(self.high)) if type(each) is int else each for each in values]


def _like(expected: Any) -> AnswerTest:
    """Whether an answer is the expected one, as far as its outputs are expected at all."""

    def fits(exchange: Exchange) -> bool:
        got = exchange.content if exchange.ok else None
        if isinstance(expected, dict) and isinstance(got, dict):
            got = {name: got[name] for name in expected if name in got}
        return got is not None and find_difference(expected, got) is None

    return fits
