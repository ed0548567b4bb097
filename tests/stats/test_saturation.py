"""Queues that only grow, and others."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.capacity_errors import QUEUES, draw_arrivals, find_early_end
from harness.stats.capacity import OverloadTest
from harness.stats.saturation import FEWEST_LOOKS, measure_growth


def test_growth_is_the_slope_of_a_queue_that_only_grows() -> None:
    looks = [(float(second), 3.0 * second + second % 2) for second in range(12)]
    assert measure_growth(looks) == pytest.approx(3.0, abs=0.1)
    assert measure_growth(looks[: FEWEST_LOOKS - 1]) == 0.0


@pytest.mark.parametrize(
    "lengths",
    [
        [0, 2, 4, 4, 4, 4, 4, 4, 4],  # it fills up, and stays
        [9, 8, 7, 6, 5, 4, 3, 2, 1],
        [0, 5, 10, 15, 20, 15, 10, 5, 0],  # a burst that is served
        [0, 1, 2, 3, 4, 5, 6, 7, 3],  # the last look shows that it does not only grow
    ],
)
def test_other_queues_do_not_grow(lengths: list[float]) -> None:
    assert measure_growth(list(enumerate(lengths))) == 0.0


@pytest.mark.parametrize(("rate", "ends"), [(0.45, False), (1.5, True)])
def test_only_what_cannot_pass_any_more_is_ended(rate: float, ends: bool) -> None:
    """What an early end has seen is over the budget of the whole load, and the whole load is, too."""
    queue, ended = QUEUES[0], 0
    for seed in range(30):
        random = np.random.default_rng(seed)
        due = draw_arrivals(random, rate, 2000)
        sojourns = queue.serve(random, due)
        end = find_early_end(due, sojourns, queue.limit, 0.0, queue.budget * len(due) + 1)
        if end < np.inf:
            ended += 1
            assert (sojourns > queue.limit).mean() > queue.budget
    assert (ended == 30) if ends else (ended == 0)


def test_refuting_share_refutes() -> None:
    test = OverloadTest(0.05, 0.02)
    test.add(0.9)
    share = test.refuting_share
    assert not test.is_refuted
    assert 0.05 < share < 1
    test.add(share * 1.001)
    assert test.is_refuted
    assert OverloadTest(0.05, 0.02).refuting_share > 1
