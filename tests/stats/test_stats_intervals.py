from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, special, stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from harness.stats.beta import (
    beta_cdf,
    beta_quantile,
    beta_sf,
    binomial_cdf,
    binomial_sf,
    log_beta_integral,
)
from harness.stats.intervals import (
    clopper_pearson_lower,
    clopper_pearson_upper,
    excluded_rate,
    quantile_interval,
    quantile_ranks,
    tango_interval,
    tango_score,
    wilson,
)
from harness.stats.paired import paired_difference_test

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
    assert wilson(0, 0, 0.05) == (0, 1)
    assert tango_interval(0, 0, 0) == (-1, 1)
    assert excluded_rate(0) == 1


@pytest.mark.parametrize(("k", "n", "alpha"), [(-1, 5, 0.05), (6, 5, 0.05), (1, 5, 0), (1, 5, 1), (1, math.nan, 0.05)])
def test_nonsense_counts_are_refused(k: float, n: float, alpha: float) -> None:
    for bound in (clopper_pearson_lower, clopper_pearson_upper, wilson):
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


def test_wilson_agrees_with_statsmodels_and_exceeds_its_alpha() -> None:
    for k, n in ((0, 10), (10, 10), (95, 100), (1900, 2000)):
        assert wilson(k, n, 0.025) == pytest.approx(proportion_confint(k, n, 0.05, method="wilson"), abs=1e-12)
    # Why it is for display only: it refutes what is true in more than alpha of runs.
    worst = max(
        stats.binom.pmf([k for k in range(51) if wilson(k, 50, 0.05)[1] < p], 50, p).sum()
        for p in np.linspace(0.05, 0.2, 40)
    )
    assert worst > 0.06


def test_excluded_rate_reads_as_the_zero_failure_table() -> None:
    assert excluded_rate(59) < 0.05 < excluded_rate(58)
    assert excluded_rate(299) < 0.01 < excluded_rate(298)
    assert excluded_rate(2995) < 0.001 < excluded_rate(2994)
    assert excluded_rate(40) == pytest.approx(clopper_pearson_upper(0, 40, 0.05), rel=1e-12)


def test_a_quantile_bound_needs_its_299_samples() -> None:
    assert quantile_ranks(298, 0.99, 0.05)[1] is None
    assert quantile_ranks(299, 0.99, 0.05)[1] == 299
    assert quantile_ranks(367, 0.99, 0.025)[1] is None
    assert quantile_ranks(368, 0.99, 0.025)[1] == 368
    assert quantile_ranks(0, 0.5, 0.05) == (None, None)
    with pytest.raises(ValueError, match="quantile"):
        quantile_ranks(10, 1.0, 0.05)


@pytest.mark.parametrize(("n", "q"), [(1000, 0.99), (333, 0.5), (3000, 0.95), (80, 0.1)])
def test_quantile_ranks_are_the_tightest_that_hold_alpha(n: int, q: float) -> None:
    low, high = quantile_ranks(n, q, 0.05)
    assert low is not None
    assert high is not None
    # X(r) > quantile exactly when fewer than r samples are below it.
    assert stats.binom.cdf(low - 1, n, q) <= 0.05 < stats.binom.cdf(low, n, q)
    assert stats.binom.sf(high - 1, n, q) <= 0.05 < stats.binom.sf(high - 2, n, q)


def test_quantile_interval_returns_the_order_statistics() -> None:
    ordered = [float(i) for i in range(1, 1001)]
    assert quantile_interval(ordered, 0.5) == quantile_ranks(1000, 0.5, 0.05)
    assert quantile_interval(ordered[:5], 0.99) == (5.0, None)  # all five lie below p99 with .951


def profile_score(b: int, c: int, n: int, difference: float) -> float:
    """Tango's statistic with the nuisance rate found by maximising the likelihood numerically."""

    def loss(c_rate: float) -> float:
        rates = (c_rate + difference, c_rate, 1 - 2 * c_rate - difference)
        return -sum(float(special.xlogy(k, max(p, 1e-300))) for k, p in zip((b, c, n - b - c), rates, strict=True))

    low, high = max(0.0, -difference), (1 - difference) / 2
    found = optimize.minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-13}).x
    return float((b - c - n * difference) / math.sqrt(n * (2 * found + difference - difference**2)))


@pytest.mark.parametrize(
    ("b", "c", "n"), [(12, 3, 100), (5, 0, 80), (0, 7, 20), (1, 1, 10), (0, 0, 50), (40, 60, 1000)]
)
@pytest.mark.parametrize("alpha", [0.05, 0.025])
def test_tango_agrees_with_a_brute_force_score_test(b: int, c: int, n: int, alpha: float) -> None:
    z = stats.norm.ppf(1 - alpha)
    lower, upper = tango_interval(b, c, n, alpha)
    assert profile_score(b, c, n, lower) == pytest.approx(z, abs=1e-5)
    assert profile_score(b, c, n, upper) == pytest.approx(-z, abs=1e-5)
    assert tango_score(b, c, n, lower) == pytest.approx(z, abs=1e-9)


def test_tango_mirrors_and_stays_inside() -> None:
    for b, c, n in ((30, 0, 30), (0, 30, 30), (4, 1, 25), (0, 0, 7)):
        lower, upper = tango_interval(b, c, n)
        mirrored = tango_interval(c, b, n)
        assert -1 <= lower <= (b - c) / n <= upper <= 1
        assert mirrored == pytest.approx((-upper, -lower), abs=1e-12)
    with pytest.raises(ValueError, match="discordant"):
        tango_interval(-1, 2, 10)


def refusal_rate(decides: str, n: int, b_rate: float, c_rate: float) -> float:
    """The exact probability of a decision when items go wrong at `b_rate` and right at `c_rate`."""
    total = 0.0
    for b in range(40):
        for c in range(40):
            weight = stats.multinomial.pmf([b, c, n - b - c], n, [b_rate, c_rate, 1 - b_rate - c_rate])
            if weight > 1e-9 and paired_difference_test(b, c, n) == decides:
                total += weight
    return total


def test_wald_breaks_its_alpha_where_tango_holds_it() -> None:
    """Trap: Wald's interval for paired outcomes has alpha .135 at n = 100; Tango's at most .052."""
    n, rise, back = 100, 0.02, 0.0  # a true rise of 2 points: nothing may be called smaller
    wald = tango = 0.0
    for b in range(20):
        for c in range(12):
            weight = stats.multinomial.pmf([b, c, n - b - c], n, [rise, back, 1 - rise - back])
            half = 1.645 * math.sqrt(max(b + c - (b - c) ** 2 / n, 0)) / n
            wald += weight * ((b - c) / n + half < 0.02)
            tango += weight * (tango_interval(b, c, n)[1] < 0.02)
    assert wald == pytest.approx(0.135, abs=0.004)
    assert tango < 0.055


def test_paired_comparison_holds_alpha_on_both_sides() -> None:
    for share in (0.005, 0.02, 0.05):
        assert refusal_rate("fail", 200, share / 2, share / 2) < 0.056
        assert refusal_rate("pass", 200, 0.02 + share / 2, share / 2) < 0.056


def test_mcnemar_cannot_prove_non_inferiority() -> None:
    """Trap: "no significant difference" over 60 items hides a rise of 5 points; the margin leaves it INCONCLUSIVE."""
    worse, better, n = 4, 1, 60
    table = [[40, worse], [better, n - 40 - worse - better]]
    assert mcnemar(table, exact=True).pvalue > 0.3
    assert paired_difference_test(worse, better, n) == "inconclusive"
    assert paired_difference_test(4, 4, 2000) == "pass"
    assert paired_difference_test(40, 4, 2000) == "fail"
    assert paired_difference_test(0, 0, 0) == "inconclusive"
    with pytest.raises(ValueError, match="limit"):
        paired_difference_test(1, 1, 10, limit=0.03)


def test_paired_inconclusive_shares_of_the_verdict_page() -> None:
    """No change, 5 % discordant, 2 points: not PASS in 79/38 % of runs at n = 100/500."""
    for n, share in ((100, 0.79), (500, 0.38)):
        assert 1 - refusal_rate("pass", n, 0.025, 0.025) == pytest.approx(share, abs=0.02 + (n == 500) * 0.02)
