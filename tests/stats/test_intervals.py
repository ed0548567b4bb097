from __future__ import annotations

import math
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from harness.core.verdict import Case, judge_contract
from harness.stats.beta import (
    beta_cdf,
    beta_quantile,
    beta_sf,
    binomial_cdf,
    binomial_sf,
    log_beta_integral,
)
from harness.stats.intervals import clopper_pearson_lower, clopper_pearson_upper

COUNTS = [(0, 1), (1, 1), (0, 59), (3, 59), (1, 299), (59, 59), (7, 1600), (30, 3000), (2999, 3000), (120, 20_000)]
ALPHAS = [0.05, 0.025, 0.05 / 40, 0.5]


@pytest.mark.parametrize(("k", "n"), COUNTS)
@pytest.mark.parametrize("alpha", ALPHAS)
def test_clopper_pearson_agrees_with_scipy(k: int, n: int, alpha: float) -> None:
    expected = stats.binomtest(k, n).proportion_ci(1 - 2 * alpha) if alpha < 0.5 else None
    lower = expected.low if expected else (stats.beta.ppf(0.5, k, n - k + 1) if k else 0)
    upper = expected.high if expected else (stats.beta.ppf(0.5, k + 1, n - k) if k < n else 1)
    assert clopper_pearson_lower(k, n, alpha) == pytest.approx(lower, abs=1e-10)
    assert clopper_pearson_upper(k, n, alpha) == pytest.approx(upper, abs=1e-10)


def test_clopper_pearson_takes_real_counts() -> None:
    assert clopper_pearson_upper(2.5, 100.3, 0.05) == pytest.approx(stats.beta.ppf(0.95, 3.5, 97.8), abs=1e-12)
    assert clopper_pearson_lower(0.3, 100.3, 0.05) == pytest.approx(stats.beta.ppf(0.05, 0.3, 101.0), abs=1e-12)


def test_nothing_seen_bounds_nothing() -> None:
    assert (clopper_pearson_lower(0, 0, 0.05), clopper_pearson_upper(0, 0, 0.05)) == (0, 1)


@pytest.mark.parametrize(("k", "n", "alpha"), [(-1, 5, 0.05), (6, 5, 0.05), (1, 5, 0), (1, 5, 1), (1, math.nan, 0.05)])
def test_nonsense_counts_are_refused(k: float, n: float, alpha: float) -> None:
    for bound in (clopper_pearson_lower, clopper_pearson_upper):
        with pytest.raises(ValueError):
            bound(k, n, alpha)


@given(st.integers(1, 3000), st.data())
@settings(deadline=None, max_examples=60)
def test_clopper_pearson_is_ordered_and_monotone(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n - 1))
    lower, upper = clopper_pearson_lower(k, n, 0.05), clopper_pearson_upper(k, n, 0.05)
    assert 0 <= lower <= k / n <= upper <= 1
    assert clopper_pearson_lower(k + 1, n, 0.05) > lower
    assert clopper_pearson_upper(k + 1, n, 0.05) > upper
    assert clopper_pearson_upper(k, n + 1, 0.05) < upper
    assert clopper_pearson_upper(k, n, 0.01) > upper


@given(st.floats(0.3, 5000), st.floats(0.3, 5000), st.floats(1e-6, 1 - 1e-6))
@settings(deadline=None, max_examples=150)
def test_the_incomplete_beta_function_agrees_with_scipy(a: float, b: float, x: float) -> None:
    assert beta_cdf(x, a, b) == pytest.approx(special.betainc(a, b, x), abs=1e-11, rel=1e-9)
    assert beta_sf(x, a, b) == pytest.approx(special.betaincc(a, b, x), abs=1e-11, rel=1e-9)


@given(st.floats(0.4, 3000), st.floats(0.4, 3000), st.floats(1e-4, 1 - 1e-4))
@settings(deadline=None, max_examples=100)
def test_the_quantile_inverts_the_distribution(a: float, b: float, p: float) -> None:
    assert beta_cdf(beta_quantile(p, a, b), a, b) == pytest.approx(p, abs=1e-9)


@pytest.mark.parametrize(("x", "a", "b"), [(0.01, 0.5, 300.5), (0.3, 20.5, 3), (0.99, 2, 50), (0.02, 1200.5, 400.5)])
def test_the_log_integral_agrees_with_scipy_beyond_underflow(x: float, a: float, b: float) -> None:
    # I_x(a, b) = x^a (1-x)^b 2F1(a+b, 1; a+1; x) / (a B(a, b)), DLMF 8.17.8
    expected = a * math.log(x) + b * math.log1p(-x) - math.log(a) + math.log(special.hyp2f1(a + b, 1, a + 1, x))
    assert log_beta_integral(x, a, b) == pytest.approx(expected, rel=1e-10)


def test_binomial_tails_agree_with_scipy_at_their_edges() -> None:
    for k, n, p in product((-1, 0, 1, 5, 99, 100, 101), (100,), (0.001, 0.05, 0.9)):
        assert binomial_cdf(k, n, p) == pytest.approx(stats.binom.cdf(k, n, p), abs=1e-12)
        assert binomial_sf(k, n, p) == pytest.approx(stats.binom.sf(k - 1, n, p), abs=1e-12)


def test_a_contract_excludes_the_rates_of_the_zero_failure_table() -> None:
    for n, rate in ((59, 0.05), (299, 0.01), (2995, 0.001)):
        excluded, under = (judge_contract([Case("same")] * size, "it holds").excluded_rate for size in (n, n - 1))
        assert excluded is not None
        assert under is not None
        assert excluded < rate < under
        assert excluded == pytest.approx(clopper_pearson_upper(0, n, 0.05), rel=1e-12)
