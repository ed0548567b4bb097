"""Log-probabilities of one answer from two engines: equal ones, noise, other weights, and answers that part."""

from __future__ import annotations

import math

import pytest

from harness.checks.generation.token_chances import measure_chance_distance
from harness.core.exchange import TokenLogprob


def tokens(text: str, *chances: float) -> tuple[TokenLogprob, ...]:
    return tuple(TokenLogprob(word, math.log(chance)) for word, chance in zip(text.split("|"), chances, strict=True))


ONE = tokens("The| fox| runs", 0.9, 0.8, 0.5)


@pytest.mark.parametrize(
    ("other", "distance"),
    [
        (ONE, 0.0),
        (tokens("The|Ġfox|▁runs", 0.9, 0.8, 0.5), 0.0),
        (tokens("The| fox| runs", 0.9, 0.4, 0.5), math.log(2) / 3),
        (ONE[:2], 0.0),  # one of them states the end token, too
        (tokens("The| fox| sits", 0.9, 0.8, 0.5), 0.0),  # as good as a tie
        (tokens("The| fox| sits", 0.9, 0.8, 0.95), math.log(1.9)),
        (tokens("The| f|ox", 0.9, 0.8, 0.5), 0.0),  # cut into tokens in another way
        (tokens("A| fox", 0.9, 0.8), math.log(1.8)),
    ],
)
def test_the_distance_of_greedy_answers(other: tuple[TokenLogprob, ...], distance: float) -> None:
    assert measure_chance_distance(ONE, other, is_greedy=True) == pytest.approx(distance)
    assert measure_chance_distance(other, ONE, is_greedy=True) == pytest.approx(distance)


def test_drawn_answers_may_part_anywhere() -> None:
    assert measure_chance_distance(ONE, tokens("The| fox| sits", 0.9, 0.8, 0.95), is_greedy=False) == 0.0
    assert measure_chance_distance(ONE, tokens("A| fox", 0.9, 0.8), is_greedy=False) is None
    assert measure_chance_distance(ONE, (), is_greedy=True) is None
