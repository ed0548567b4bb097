"""Leaked rows fail, exact and nearly so; twins that chance makes do not; what hides a leak is no pass."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from harness.core.dataset import Dataset
from harness.core.objective import PROFILES
from harness.core.plan import PlannedCheck
from harness.core.verdict import Level, Status, Verdict
from harness.run.leakage import judge_leakage

CHECK = PlannedCheck("x", "validation", Level.BLOCKER, "x", "estimate", alpha_fail=0.05)
WORDS = [f"word{i}" for i in range(400)]


def judge(holdout: list[Any], training: list[Any], kind: str = "exact", limit: float = 0.01) -> Verdict:
    data, learned = (
        Dataset(name, tuple(rows), tuple("ab"[i % 2] for i in range(len(rows))))
        for name, rows in (("holdout", holdout), ("train", training))
    )
    return judge_leakage(data, learned, kind, limit, CHECK, PROFILES["release"], seed=1)


def draw_numbers(n: int, seed: int, width: int = 8) -> list[list[float]]:
    return [list(map(float, row)) for row in np.random.default_rng(seed).normal(0, 1, (n, width))]


def draw_texts(n: int, seed: int) -> list[str]:
    return [" ".join(row) for row in np.random.default_rng(seed).choice(WORDS, (n, 30))]


def draw_categories(n: int, seed: int, count: int = 3) -> list[dict[str, Any]]:
    """Rows of 5 columns with `count` values each."""
    codes = np.random.default_rng(seed).integers(0, count, (n, 5))
    return [{name: f"v{code}" for name, code in zip("abcde", row, strict=True)} for row in codes]


@pytest.mark.parametrize("kind", ["exact", "near"])
@pytest.mark.parametrize("draw", [draw_numbers, draw_texts])
def test_rows_of_their_own_pass_and_leaked_ones_fail(kind: str, draw: Any) -> None:
    holdout, training = draw(600, 1), draw(2000, 2)
    assert judge(holdout, training, kind).status is Status.PASS
    verdict = judge(holdout, training[:-40] + holdout[100:140], kind)
    assert verdict.status is Status.FAIL
    assert (verdict.estimate, verdict.n) == (40 / 600, 600)
    assert "row 1" in verdict.counterexamples[0].summary
    assert any("40 have the label of their twin" in note for note in verdict.notes)


def test_leaked_rows_with_noise_are_near_and_not_exact() -> None:
    holdout, training = draw_numbers(600, 1), draw_numbers(2000, 2)
    noisy = [[value + 1e-3 for value in row] for row in holdout[:60]]
    assert judge(holdout, training + noisy).status is Status.PASS
    assert judge(holdout, training + noisy, "near").status is Status.FAIL
    texts, others = draw_texts(400, 1), draw_texts(1000, 2)
    edited = [text.replace(" ", ", ", 1).upper() for text in texts[:40]]
    assert judge(texts, others + edited).status is Status.PASS
    assert judge(texts, others + edited, "near").status is Status.FAIL


def list_combinations() -> list[dict[str, Any]]:
    return [dict(zip("abcde", (f"v{x}" for x in row), strict=True)) for row in product(range(3), repeat=5)]


@pytest.mark.parametrize("kind", ["exact", "near"])
def test_few_distinct_rows_have_twins_by_chance_and_do_not_fail(kind: str) -> None:
    for seed in range(2):
        chance = judge(draw_categories(500, seed), draw_categories(2000, seed + 100), kind)
        assert chance.status is not Status.FAIL, chance.reason
        assert chance.estimate is not None
        assert chance.estimate > 0.9
        some = judge(draw_categories(500, seed, 12), draw_categories(5000, seed + 100, 12), kind)
        assert some.status is not Status.FAIL, some.reason


def test_training_data_without_equal_rows_still_leave_chance_to_the_holdout() -> None:
    assert judge(draw_categories(500, 1), list_combinations()).status is not Status.FAIL
    unique = list({str(row): row for row in draw_categories(60_000, 5, 10)}.values())
    verdict = judge(draw_categories(1000, 2, 10), unique[:20_000])
    assert verdict.status is not Status.FAIL, verdict.reason


def test_training_data_that_repeat_themselves_hide_no_leak() -> None:
    """Rows that are all doubled make twins look like chance: that excuses no PASS."""
    holdout, training = draw_numbers(600, 1), draw_numbers(1000, 2)
    verdict = judge(holdout, training * 2 + holdout[:60])
    assert verdict.status is Status.INCONCLUSIVE
    assert "might by chance" in verdict.reason
    assert judge(holdout, training * 2).status is Status.PASS


def test_a_leak_among_rows_with_some_twins_by_chance_fails() -> None:
    holdout, training = draw_categories(800, 1, 12), draw_categories(3000, 2, 12)
    assert judge(holdout, training).status is Status.PASS
    assert judge(holdout, training + holdout[:80]).status is Status.FAIL


def test_a_verdict_says_of_which_rows_it_speaks() -> None:
    small = judge(draw_numbers(60, 1), draw_numbers(90, 2))
    assert small.status is Status.PASS  # all rows were compared: nothing is left to chance
    assert any("it speaks of these rows" in note for note in small.notes)
    large = judge(draw_numbers(3000, 1), draw_numbers(500, 2))
    assert large.n == 1000
    assert any("the 3000 rows of which 1000 were drawn" in note for note in large.notes)


def test_a_limit_of_none_fails_for_a_few_rows() -> None:
    holdout, training = draw_numbers(600, 1), draw_numbers(1000, 2)
    assert judge(holdout, training, limit=0.0).status is Status.PASS
    assert judge(holdout, training + holdout[:6], limit=0.0).status is Status.FAIL


@pytest.mark.simulation
def test_chance_seldom_fails() -> None:
    """100 pairs of samples of one distribution, of which a third of the rows have twins."""
    fails = 0
    for seed in range(100):
        verdict = judge(draw_categories(500, seed, 6), draw_categories(3000, seed + 1000, 6))
        fails += verdict.status is Status.FAIL
    assert fails <= 9
