"""Valid requests asked one after another, until one of them hangs.

Tested in tests/suites/integration/test_batch_and_concurrent.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from harness.checks.bad_input.ordinary_inputs import shows_hang
from harness.core.exchange import Exchange

_T = TypeVar("_T")


def ask_in_turn(ask: Callable[[_T], Exchange], queries: Sequence[_T]) -> list[Exchange]:
    """An exchange for each query; after the first that hangs no more are sent, and it stands for all that follow.

    Each of them could cost a whole deadline, and nothing can be compared with them any more.
    """
    exchanges: list[Exchange] = []
    for query in queries:
        exchanges.append(ask(query))
        if shows_hang(exchanges[-1]):
            return exchanges + exchanges[-1:] * (len(queries) - len(exchanges))
    return exchanges
