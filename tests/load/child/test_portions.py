"""When many streams are read in portions, and that the loop then waits."""

from __future__ import annotations

import time

import gevent
import pytest
from gevent.hub import get_hub

from harness.load.child.portions import PORTION, Portions, is_worth_waiting


@pytest.mark.parametrize(
    ("stamped", "answers", "expected"),
    [(0, 0, False), (40, 0, False), (41, 0, True), (400, 50, True), (400, 51, False), (0, 500, False)],
)
def test_only_many_streams_are_read_in_portions(stamped: int, answers: int, expected: bool) -> None:
    assert is_worth_waiting(stamped, answers) is expected


def test_the_loop_waits_only_while_there_are_many_pieces() -> None:
    portions = Portions(get_hub().loop)
    gevent.sleep(0.001)
    assert portions.last_look == 0
    portions.stamped = 1000
    portions.choose()
    gevent.sleep(0.001)
    assert (last := portions.last_look) > 0
    portions.choose()  # nothing came since
    gevent.sleep(0.001)
    assert portions.last_look == last
    portions.close()


def test_two_looks_are_a_portion_apart() -> None:
    portions = Portions(get_hub().loop)
    begin = time.perf_counter()
    for _ in range(10):
        portions.wait()
    assert time.perf_counter() - begin >= 9 * PORTION
    portions.close()
