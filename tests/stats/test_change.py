"""Changes of dependent windows: error rates under AR noise with fixed seeds, power, and what the bounds mean."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.stats.change import FEWEST_WINDOWS, estimate_change
from harness.stats.intervals import clopper_pearson_lower

SERIES = 300


def make_noise(phi: float, length: int, kind: str = "normal", seed: int = 3) -> NDArray[np.float64]:
    """Rows of AR(1) noise that has run in."""
    random = np.random.default_rng(seed)
    shape = (SERIES, length + 60)
    noise = random.standard_exponential(shape) - 1 if kind == "skewed" else random.standard_normal(shape)
    for i in range(1, noise.shape[1]):
        noise[:, i] += phi * noise[:, i - 1]
    return noise[:, 60:]


@pytest.mark.parametrize(
    ("phi", "length", "kind"),
    [(0.0, 16, "normal"), (0.0, 60, "skewed"), (0.3, 60, "normal"), (0.6, 30, "skewed"), (0.8, 60, "normal"),
     (0.9, 24, "normal"), (0.95, 60, "normal")],
)  # fmt: skip
def test_a_series_that_does_not_change_is_seldom_said_to(phi: float, length: int, kind: str) -> None:
    alarms = sum(estimate_change(row).low > 0 for row in make_noise(phi, length, kind))
    assert clopper_pearson_lower(alarms, SERIES, 0.01) <= 0.05, alarms


@pytest.mark.parametrize("at", [0.3, 0.5, 0.8])
def test_a_step_is_seen_and_where_it_is(at: float) -> None:
    rows = make_noise(0.2, 60)
    first = int(at * 60)
    rows[:, first:] += 4.0
    changes = [estimate_change(row) for row in rows]
    assert sum(change.low > 0 for change in changes) >= 0.9 * SERIES
    stepped = [change for change in changes if change.is_step]
    assert len(stepped) >= 0.9 * SERIES
    assert abs(float(np.median([change.at for change in stepped])) - at) <= 0.03
    assert float(np.median([change.size for change in stepped])) == pytest.approx(4.0, rel=0.15)


def test_a_trend_is_seen_and_its_size() -> None:
    rows = make_noise(0.3, 60) + np.linspace(0, 5, 60)
    changes = [estimate_change(row) for row in rows]
    assert sum(change.low > 0 for change in changes) >= 0.9 * SERIES
    assert float(np.mean([change.trend for change in changes])) == pytest.approx(5.0, rel=0.1)


def test_a_change_that_falls_is_none_that_rises() -> None:
    rows = make_noise(0.3, 60) - np.linspace(0, 5, 60)
    assert not any(estimate_change(row).low > 0 for row in rows)


def test_a_change_above_the_bound_is_seldom_ruled_out() -> None:
    """The upper bound fails, which would be a wrong PASS, in at most 5 % of the series that rise by 3."""
    for phi in (0.0, 0.6, 0.9):
        rows = make_noise(phi, 60) + np.linspace(0, 3, 60)
        wrong = sum(estimate_change(row).high < 3 for row in rows)
        assert clopper_pearson_lower(wrong, SERIES, 0.01) <= 0.05


def test_a_constant_series_has_no_change_and_narrow_bounds() -> None:
    change = estimate_change([7.0] * 60)
    assert change.low == pytest.approx(0, abs=1e-6)
    assert change.high == pytest.approx(0, abs=1e-6)


def test_the_unit_does_not_matter() -> None:
    row = make_noise(0.5, 40)[0]
    one, other = estimate_change(row), estimate_change(row * 1000 + 5e6)
    assert other.low == pytest.approx(one.low * 1000, rel=1e-6)
    assert other.phi == one.phi


@pytest.mark.parametrize("values", [[1.0] * (FEWEST_WINDOWS - 1), [math.nan] * 20, [math.inf, *[1.0] * 20]])
def test_what_cannot_be_judged_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="finite values"):
        estimate_change(values)
