"""Bounds over prompts that are asked several times: exact for one answer each, never too sure, like a t interval."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from harness.stats.clusters import bound_clustered_share, estimate_pass_at_k, estimate_pass_hat_k
from harness.stats.intervals import clopper_pearson_lower, clopper_pearson_upper


@pytest.mark.parametrize(("wrong", "n"), [(0, 60), (3, 100), (50, 100), (100, 100)])
def test_of_one_answer_each_the_bounds_are_nearly_exact(wrong: int, n: int) -> None:
    bound = bound_clustered_share([1.0] * wrong + [0.0] * (n - wrong), 1)
    assert bound.lower == pytest.approx(clopper_pearson_lower(wrong, n, 0.05), abs=1e-9)
    assert bound.upper == pytest.approx(clopper_pearson_upper(wrong, n, 0.05), abs=1e-9)


def test_prompts_that_are_all_alike_are_no_proof() -> None:
    bound = bound_clustered_share([0.0] * 20, 100)
    assert bound.upper == pytest.approx(clopper_pearson_upper(0, 20, 0.05))


def test_many_prompts_give_the_t_interval_of_their_means() -> None:
    values = np.random.default_rng(3).beta(4, 6, 2000)
    bound = bound_clustered_share(values, 10)
    half = stats.t.ppf(0.95, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values))
    assert bound.upper == pytest.approx(values.mean() + half, abs=4e-4)
    assert bound.lower == pytest.approx(values.mean() - half, abs=4e-4)


def test_answers_that_are_independent_count_each() -> None:
    values = np.random.default_rng(3).binomial(10, 0.3, 1000) / 10
    bound = bound_clustered_share(values, 10)
    exact = clopper_pearson_upper(float(values.sum()) * 10, 10_000, 0.05)
    assert bound.upper == pytest.approx(exact, abs=1e-3)


@pytest.mark.parametrize("right", range(6))
@pytest.mark.parametrize("k", [1, 2, 5])
def test_pass_at_k_and_pass_hat_k_count_the_draws(right: int, k: int) -> None:
    draws = list(itertools.combinations([True] * right + [False] * (5 - right), k))
    assert estimate_pass_at_k(right, 5, k) == pytest.approx(sum(map(any, draws)) / len(draws))
    assert estimate_pass_hat_k(right, 5, k) == pytest.approx(sum(map(all, draws)) / len(draws))


@pytest.mark.parametrize("given", [([], 1), ([0.5], 0), ([1.5], 2), ([math.nan], 2)])
def test_what_is_no_share_is_refused(given: tuple[list[float], int]) -> None:
    with pytest.raises(ValueError, match="must lie"):
        bound_clustered_share(*given)
    with pytest.raises(ValueError, match="not a valid count"):
        estimate_pass_at_k(2, 5, 6)


@pytest.mark.simulation
@pytest.mark.parametrize("repeats", [3, 10])
@pytest.mark.parametrize("n", [30, 200])
def test_a_bound_errs_in_at_most_one_run_of_twenty(n: int, repeats: int) -> None:
    random = np.random.default_rng(n + repeats)
    kinds: dict[str, tuple[Callable[[], Any], float]] = {
        "always wrong": (lambda: (random.random(n) < 0.02) * 1.0, 0.02),
        "some always, all rarely": (lambda: np.where(random.random(n) < 0.05, 1, 0.005), 0.05475),
        "all alike": (lambda: np.full(n, 0.1), 0.1),
        "spread": (lambda: random.beta(0.5, 4.5, n), 0.1),
        "wide": (lambda: random.beta(2, 2, n), 0.5),
        "half of a tenth": (lambda: np.where(random.random(n) < 0.1, 0.5, 0), 0.05),
    }
    for name, (draw, truth) in kinds.items():
        bounds = [bound_clustered_share(random.binomial(repeats, draw()) / repeats, repeats) for _ in range(400)]
        assert np.mean([bound.upper < truth for bound in bounds]) <= 0.075, name
        assert np.mean([bound.lower > truth for bound in bounds]) <= 0.075, name
