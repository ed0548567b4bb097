from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.multitest import multipletests

from harness.stats.multiplicity import benjamini_hochberg, holm
from harness.stats.resampling import bootstrap, permutation_test, sign_flip_test

Array = NDArray[np.float64]


def mean(rows: Array) -> float:
    return float(rows.mean())


def difference(x: Array, y: Array) -> float:
    return float(x.mean() - y.mean())


@pytest.mark.parametrize("method", ["bca", "percentile"])
def test_bootstrap_agrees_with_scipy(method: str) -> None:
    data = np.random.default_rng(2).exponential(1, 80)
    expected = stats.bootstrap(
        (data,),
        np.mean,
        confidence_level=0.9,
        n_resamples=8000,
        method="BCa" if method == "bca" else "percentile",
        rng=np.random.default_rng(3),
    ).confidence_interval
    found = bootstrap(data, mean, np.random.default_rng(4), resamples=8000, method=method)  # type: ignore[arg-type]
    assert found == pytest.approx((expected.low, expected.high), abs=0.015)


def test_bca_covers_a_skewed_statistic() -> None:
    rng, hits = np.random.default_rng(5), 0
    for _ in range(120):
        low, high = bootstrap(rng.exponential(1, 30), lambda rows: float(rows.std()), rng, resamples=300)
        hits += low <= 1 <= high
    assert 0.7 < hits / 120 < 0.95  # 90 % nominal; small skewed samples fall short


def test_the_same_generator_gives_the_same_interval() -> None:
    data = np.arange(30.0)
    first, second = (bootstrap(data, mean, np.random.default_rng(7), resamples=200) for _ in range(2))
    assert first == second


def test_rows_stay_paired() -> None:
    rng = np.random.default_rng(8)
    before = rng.normal(0, 10, 60)
    pairs = np.column_stack([before, before + 1])
    low, high = bootstrap(pairs, lambda rows: float((rows[:, 1] - rows[:, 0]).mean()), rng, resamples=200)
    assert (low, high) == pytest.approx((1, 1))


def test_repeats_of_a_prompt_are_drawn_together() -> None:
    """Trap: 20 prompts x 100 repeats are 20 samples; row by row the interval is ten times too narrow."""
    rng = np.random.default_rng(9)
    prompts = np.repeat(np.arange(20), 100)
    scores = rng.normal(0, 1, 20)[prompts]
    rows = np.subtract(*bootstrap(scores, mean, rng, resamples=300))
    clusters = np.subtract(*bootstrap(scores, mean, rng, resamples=300, groups=prompts))
    assert clusters / rows == pytest.approx(10, rel=0.3)


def test_groups_need_not_be_sorted() -> None:
    data = np.array([1.0, 5.0, 1.0, 5.0])
    low, high = bootstrap(
        data, mean, np.random.default_rng(1), resamples=200, groups=["a", "b", "a", "b"], method="percentile"
    )
    assert (low, high) == (1, 5)


def test_a_statistic_that_never_changes_has_a_point_for_an_interval() -> None:
    assert bootstrap(np.ones(10), mean, np.random.default_rng(1), resamples=50) == (1, 1)


@pytest.mark.parametrize(
    ("data", "options"),
    [
        ([], {}),
        ([1.0], {}),
        ([1.0, np.nan], {}),
        ([1.0, 2.0], {"groups": [1]}),
        ([1.0, 2.0], {"groups": [1, 1]}),
        ([1.0, 2.0], {"alpha": 0.5}),
        ([1.0, 2.0], {"resamples": 0}),
        (np.ones((2, 2, 2)), {}),
    ],
)
def test_what_cannot_be_resampled_is_refused(data: object, options: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        bootstrap(data, mean, np.random.default_rng(1), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_permutation_agrees_with_scipy(alternative: str) -> None:
    rng = np.random.default_rng(10)
    x, y = rng.normal(0.9, 1, 25), rng.normal(0, 1, 30)
    expected = stats.permutation_test(
        (x, y), difference, n_resamples=4000, alternative=alternative, rng=np.random.default_rng(1)
    ).pvalue
    found = permutation_test(x, y, difference, rng, resamples=4000, alternative=alternative)  # type: ignore[arg-type]
    assert found == pytest.approx(expected, abs=0.025)


def test_sign_flips_agree_with_all_sign_patterns() -> None:
    differences = np.array([0.4, -0.1, 0.8, 1.2, 0.3, -0.2, 0.9, 0.5])
    expected = stats.permutation_test(
        (differences, np.zeros(8)), difference, permutation_type="samples", n_resamples=np.inf
    ).pvalue
    found = sign_flip_test(differences, np.random.default_rng(6), resamples=20_000)
    assert found == pytest.approx(expected, abs=0.005)


def test_a_p_value_is_never_zero() -> None:
    """The data as seen are one of the permutations."""
    rng = np.random.default_rng(11)
    assert permutation_test(np.arange(20) + 100, np.arange(20), difference, rng, resamples=99) == 0.02
    assert sign_flip_test(np.ones(60), rng, resamples=99, alternative="greater") == 0.01


def test_no_difference_is_no_evidence() -> None:
    rng = np.random.default_rng(12)
    assert sign_flip_test(np.zeros(10), rng, resamples=99) == 1
    assert permutation_test(np.ones(5), np.ones(7), difference, rng, resamples=99) == 1


def test_permutation_p_values_hold_their_level() -> None:
    rng = np.random.default_rng(13)
    pairs = rng.exponential(1, (300, 2, 15))
    found = [permutation_test(x, y, difference, rng, resamples=99) for x, y in pairs]
    assert np.mean(np.array(found) <= 0.05) < 0.09
    with pytest.raises(ValueError, match="non-empty"):
        permutation_test([], [1.0], difference, rng)
    with pytest.raises(ValueError, match="finite"):
        sign_flip_test([1.0, np.inf], rng)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
@settings(deadline=None, max_examples=80)
def test_adjusted_p_values_agree_with_statsmodels(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1], abs=1e-12)
    assert benjamini_hochberg(p_values) == pytest.approx(multipletests(p_values, method="fdr_bh")[1], abs=1e-12)


def test_a_missing_p_value_is_refused() -> None:
    for adjust in (holm, benjamini_hochberg):
        assert adjust([]).shape == (0,)
        for wrong in ([0.1, float("nan")], [1.2], [-0.1], [[0.1]]):
            with pytest.raises(ValueError, match="p-values"):
                adjust(wrong)
