"""Distances of distributions equal those of scipy, and their bounds err at most as often as they state."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as oracle

from harness.stats.drift import (
    CodedColumn,
    DriftMeasure,
    _chi_square_cdf,
    adjust_by_rank,
    code_numbers,
    code_texts,
    compute_cramers_v,
    compute_permutation_p,
    compute_psi,
    measure_drift,
)

RANDOM = np.random.default_rng(1)
BEFORE, SHIFTED = RANDOM.normal(size=400), RANDOM.normal(0.5, 1, 400)


def test_distances_are_those_of_scipy() -> None:
    column = code_numbers(BEFORE, SHIFTED)
    assert measure_drift(column, "ks", 0.1, 0.05).estimate == pytest.approx(oracle.ks_2samp(BEFORE, SHIFTED).statistic)
    before, now = column.count(column.codes)
    chi_square = oracle.chi2_contingency([before, now], correction=False).statistic
    assert compute_cramers_v(before, now) == pytest.approx((chi_square / 800) ** 0.5)
    p, q = before / before.sum(), now / now.sum()
    assert compute_psi(before * 1e6, now * 1e6) == pytest.approx(((q - p) * np.log(q / p)).sum(), abs=1e-5)
    share = compute_permutation_p(code_numbers(BEFORE, BEFORE + 0.05), "ks", 400, 1)
    assert share == pytest.approx(oracle.ks_2samp(BEFORE, BEFORE + 0.05).pvalue, abs=0.1)
    p_values = [0.001, 0.4, 0.02, 0.03, 0.9]
    assert adjust_by_rank(p_values) == pytest.approx(oracle.false_discovery_control(p_values).tolist())


@pytest.mark.parametrize("freedom", [1, 4, 9, 20])
@pytest.mark.parametrize("noncentrality", [0.0, 2.0, 20.0, 200.0])
def test_the_noncentral_chi_square_is_that_of_scipy(freedom: int, noncentrality: float) -> None:
    for share in (0.05, 0.5, 0.95, 0.9995):
        value = oracle.ncx2.ppf(share, freedom, noncentrality) if noncentrality else oracle.chi2.ppf(share, freedom)
        assert _chi_square_cdf(float(value), freedom, noncentrality) == pytest.approx(share, abs=0.005)


def test_bins_have_equal_mass_and_frequent_numbers_one_of_their_own() -> None:
    column = code_numbers(BEFORE, SHIFTED)
    assert column.levels == 10
    assert set(np.bincount(column.codes)) <= {79, 80, 81}
    zeros = np.where(RANDOM.random(400) < 0.6, 0.0, BEFORE)
    assert code_numbers(zeros, zeros).levels < 10
    constant = code_numbers(np.zeros(200), np.where(np.arange(200) % 2, 0.0, -1.0))
    assert constant.levels == 2, "what lies below a constant is no part of it"
    assert measure_drift(code_numbers(np.ones(90), np.ones(90)), "psi", 0.1, 0.05).estimate == 0
    assert code_numbers(np.full(60, np.nan), np.full(60, np.nan)).levels == 1
    lost = np.where(np.arange(400) % 2, np.nan, BEFORE)
    assert measure_drift(code_numbers(BEFORE, lost), "psi", 0.1, 0.05).p < 1e-6, "missing numbers are drift"


def test_the_size_of_a_sample_does_not_change_what_is_measured() -> None:
    big, small = RANDOM.normal(size=20_000), RANDOM.normal(0.4, 1, 4_000)
    measures: tuple[DriftMeasure, ...] = ("psi", "ks", "cramers_v")
    for measure in measures:
        uneven = measure_drift(code_numbers(big, small), measure, 0.1, 0.05)
        even = measure_drift(code_numbers(big[:4000], small), measure, 0.1, 0.05)
        assert uneven.estimate == pytest.approx(even.estimate, rel=0.12)


def test_texts_are_levels_and_rare_ones_one_level() -> None:
    column = code_texts(["a"] * 50 + ["b"] * 45 + list("vwxyz"), ["a"] * 20 + ["new"] * 80)
    assert column.levels == 4
    assert measure_drift(column, "cramers_v", 0.1, 0.05).estimate == pytest.approx((10 / 14) ** 0.5)
    assert measure_drift(code_texts(["a"] * 60, ["a"] * 60), "psi", 0.1, 0.05).upper == 0


def draw(n: int, shift: float, seed: int, kind: str) -> CodedColumn:
    generator = np.random.default_rng((n, seed))
    if kind == "texts":
        shares = np.array([0.4, 0.3, 0.2, 0.1])
        moved = shares + shift * np.array([-0.25, 0, 0, 0.25])
        before, now = (generator.choice(list("abcd"), n, p=p).tolist() for p in (shares, moved))
        return code_texts(before, now)
    return code_numbers(generator.normal(size=n), generator.normal(shift, 1, n))


@pytest.mark.simulation
@pytest.mark.parametrize("n", [100, 300, 1000, 10_000])
@pytest.mark.parametrize("kind", ["numbers", "texts"])
@pytest.mark.parametrize("measure", ["psi", "ks", "cramers_v"])
def test_at_most_five_in_a_hundred_are_wrong(n: int, kind: str, measure: DriftMeasure) -> None:
    """Without drift no FAIL; at a true distance of twice the limit no PASS; a bound of a true distance is kept."""
    runs = min(200, 400_000 // n)
    still = [measure_drift(draw(n, 0.0, seed, kind), measure, 0.1, 0.05) for seed in range(runs)]
    assert sum(effect.p <= 0.05 for effect in still) <= 0.05 * runs
    for shift in (0.3, 0.5):
        effects = [measure_drift(draw(n, shift, seed, kind), measure, 0.1, 0.05) for seed in range(runs)]
        bins = draw(n, shift, 0, kind).levels
        big = draw(200_000, shift, 0, kind)
        if kind == "numbers" and bins < 10 and measure != "ks":
            continue  # fewer bins see less, and have another truth
        truth = measure_drift(big, measure, 0.1, 0.05).estimate
        assert sum(effect.lower > truth for effect in effects) <= 0.05 * runs + 10, (shift, truth)
        assert sum(effect.upper < truth for effect in effects) <= 0.05 * runs + 10, (shift, truth)
