"""Search for a pair that breaks a relation which a random sample has not broken: Hypothesis draws and simplifies it.

Tested in tests/robustness/test_relations.py.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from harness.core.exchange import Exchange
from harness.core.relation import Draws, Relation
from harness.core.settings import Settings
from harness.generation.shrink import SearchStopped
from harness.io.clock import read_monotonic

BrokenPair = tuple[int, Any, Any, str, Exchange]
"""The number of an input, the input, its twin, how they break the relation, and the answer to the twin."""
CONFIRMING = 2
"""Requests that asking for the pair again takes."""
_DRAWS = 3
"""Draws for each pair that is asked: a pair that was drawn before is not asked again."""
_SECONDS = 60.0
"""Seconds after which nothing more is drawn."""


def is_searched(relation: Relation, settings: Settings) -> bool:
    """Whether pairs are searched: where one is enough to fail, and Hypothesis is installed."""
    return relation.limit == 0 and relation.search > 0 and "property" in settings.extras


class PairSearch:
    """Draws pairs: `change` makes the twin of an input, `ask` says how a pair breaks the relation.

    At most `most` pairs are asked, those counted that make one simple; `asked` is how many were.
    """

    def __init__(
        self,
        change: Callable[[int, Draws], tuple[Any, Any]],
        ask: Callable[[Any, Any], tuple[str, Exchange]],
        most: int,
    ) -> None:
        self.asked = 0
        self._change, self._ask, self._most = change, ask, most
        self._known: dict[str, BrokenPair] = {}
        self._smallest: BrokenPair | None = None
        self._end = read_monotonic() + _SECONDS

    def find_smallest(self, numbers: Sequence[int], seed: str) -> BrokenPair | None:
        """The simplest pair seen that breaks the relation, of these inputs; None where no drawn pair does."""
        from harness.generation import strategies

        with contextlib.suppress(SearchStopped, strategies.HypothesisException), strategies.isolate_hypothesis():
            strategy = strategies.make_draw_strategy(numbers)
            strategies.draw_smallest(strategy, self._breaks, seed=seed, most=_DRAWS * self._most)
        return self._smallest

    def _breaks(self, drawn: tuple[int, Draws]) -> bool:
        number, draws = drawn
        row, changed = self._change(number, draws)
        if changed is None:
            return False
        key = f"{number} {changed!r}"
        if key not in self._known:
            if self.asked >= self._most or read_monotonic() > self._end:
                raise SearchStopped
            self.asked += 1
            self._known[key] = (number, row, changed, *self._ask(row, changed))
        pair = self._known[key]
        if pair[3]:
            self._smallest = pair
        return bool(pair[3])
