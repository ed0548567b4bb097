"""The integral of a rate and its inverse, against numerical integration."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from harness.core.rate_curve import Piece, RateCurve, make_steady_curve

rates = st.one_of(st.just(0.0), st.floats(0.1, 200))
pieces = st.builds(Piece, st.just("a"), st.floats(0.1, 20), rates, rates)
curves = st.lists(pieces, min_size=1, max_size=5).filter(lambda row: any(p.rate for p in row)).map(RateCurve)


@settings(max_examples=40)
@given(curves, st.just(0.0) | st.floats(1e-6, 1))
def test_the_integral_is_that_of_the_rate(curve: RateCurve, share: float) -> None:
    until = share * curve.duration
    breaks = [end for _, _, end in curve.list_phases() if end < until]
    expected, _ = quad(curve.get_rate, 0, until, points=breaks or None, limit=100)
    assert curve.count_until(until) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@given(curves, st.floats(0.001, 0.999))
def test_the_inverse_undoes_the_integral(curve: RateCurve, share: float) -> None:
    count = share * curve.count_until(curve.duration)
    assert curve.count_until(curve.find_time(count)) == pytest.approx(count, rel=1e-6, abs=1e-9)


@settings(max_examples=40)
@given(curves)
def test_times_rise_with_the_count_and_lie_within_the_duration(curve: RateCurve) -> None:
    times = [curve.find_time(count) for count in np.linspace(0, curve.count_until(curve.duration), 50)]
    assert times == sorted(times)
    assert times[0] >= 0
    assert times[-1] <= curve.duration * (1 + 1e-9)


def test_a_jump_has_the_rate_of_what_follows() -> None:
    curve = RateCurve([Piece("a", 2, 5, 5), Piece("none", 0, 9, 9), Piece("b", 1, 10, 20)])
    assert [curve.get_rate(t) for t in (-1, 0, 1.9, 2, 2.5, 3)] == [0, 5, 5, 10, 15, 0]
    assert (curve.count, curve.mean_rate) == (25, 25 / 3)
    assert curve.list_phases() == [("a", 0, 2), ("b", 2, 3)]


def test_a_steady_rate_divides_exactly() -> None:
    curve = make_steady_curve(0.3, 100)
    assert [curve.find_time(k) for k in range(30)] == [k / 0.3 for k in range(30)]
