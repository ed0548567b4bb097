"""bandwidth: the time that data takes is that of the rate, within 5 %, in whatever pieces it comes."""

from __future__ import annotations

import pytest

from harness.core.fault import load_fault
from tests.faults.test_fault_conformance import Line

KIND = load_fault("bandwidth")


@pytest.mark.parametrize("rate", [1, 250, 40_000])
@pytest.mark.parametrize("piece", [100, 65_536, 400_000])
def test_the_rate_is_kept(rate: int, piece: int) -> None:
    line = Line(KIND, KIND.parse({"rate": rate}))
    size = min(400_000, rate * 4000)
    for start in range(0, size, piece):
        line.push(bytes(min(piece, size - start)))
        line.advance(line.now)
    line.end()
    line.advance(1e9)
    assert len(line.passed) == size
    assert line.times[-1] == pytest.approx(size / (rate * 1000), rel=0.05)
