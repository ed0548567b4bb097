"""The draws of a seed: the same for the same key, and as often below a toxicity as it says."""

from __future__ import annotations

import pytest
from scipy.stats import binom

from harness.chaos.proxy.record import Journal

CONNECTIONS = 4000


@pytest.mark.parametrize("toxicity", [0.01, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("seed", [0, 7])
def test_a_toxicity_strikes_its_share(toxicity: float, seed: int) -> None:
    journal = Journal(seed)
    struck = sum(journal.draw("link", "toxic", 0, number) < toxicity for number in range(CONNECTIONS))
    low, high = binom.interval(1 - 1e-4, CONNECTIONS, toxicity)
    assert low <= struck <= high


def test_the_same_seed_draws_the_same_and_another_key_does_not() -> None:
    one, two, other = (Journal(seed) for seed in (3, 3, 4))
    keys = [("link", "toxic", generation, number) for generation in range(3) for number in range(100)]
    draws = [one.draw(*key) for key in keys]
    assert draws == [two.draw(*key) for key in reversed(keys)][::-1], "the order of the connections decides"
    assert len(set(draws)) == len(draws)
    assert not set(draws) & {other.draw(*key) for key in keys}
    assert [one.make_generator("a")() for _ in range(2)] == [two.make_generator("a")() for _ in range(2)]
    assert one.make_generator("a")() != one.make_generator("b")()
