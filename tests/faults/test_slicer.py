"""slicer: sizes and pauses of the pieces, and values that exclude each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.errors import UsageError
from harness.core.fault import load_fault
from tests.faults.test_fault_conformance import Line

KIND = load_fault("slicer")


@given(average=st.integers(1, 200), share=st.floats(0, 0.99), size=st.integers(1, 20_000), seed=st.randoms())
def test_every_piece_is_small_enough_and_none_is_empty(average: int, share: float, size: int, seed: object) -> None:
    variation = int(average * share)
    parameters = KIND.parse({"average_size": average, "size_variation": variation, "delay": 1000})
    line = Line(KIND, parameters, draw=seed.random)  # type: ignore[attr-defined]
    data = bytes(index % 251 for index in range(size))
    line.push(data)
    pieces = [len(line.passed)]
    while len(line.passed) < size:
        before, clock = len(line.passed), line.now
        line.advance(line.stage.due)
        pieces.append(len(line.passed) - before)
        assert line.now - clock == pytest.approx(0.001)
    assert line.passed == data
    assert 0 < min(pieces) <= max(pieces) <= average + variation


def test_the_end_follows_the_pause_of_the_last_piece() -> None:
    line = Line(KIND, KIND.parse({"average_size": 10, "delay": 2_000_000}))
    line.push(b"0123456789")
    line.end()
    assert line.passed == b"0123456789"
    line.advance(1.9)
    assert line.close is None
    line.advance(2.1)
    assert line.close is not None
    assert line.effects == [], "one piece was neither cut nor delayed"


@pytest.mark.parametrize(("average", "variation"), [(10, 10), (10, 11), (0, 1)])
def test_a_variation_that_leaves_no_piece_is_refused(average: int, variation: int) -> None:
    """Toxiproxy 2.12 accepts it, and dies of it with every other proxy."""
    values = {"average_size": average, "size_variation": variation}
    message = f"size_variation {variation} must be less than average_size {average}"
    with pytest.raises(UsageError, match=message):
        KIND.parse(values)
    with pytest.raises(UsageError, match=message):
        KIND.parse({"average_size": average}, KIND.parse({"average_size": 99, "size_variation": variation}))
