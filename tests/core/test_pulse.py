"""The search for the longest pulse that is survived, on services whose limit is known."""

from __future__ import annotations

import pytest

from harness.core.experiment import ExperimentPlan, TimedFault
from harness.core.pulse import MOST_PULSES, bisect_pulse, shorten_pulse


@pytest.mark.parametrize("limit", [0.0, 0.03, 0.2, 0.5, 0.74, 0.99])
def test_the_limit_lies_between_what_is_survived_and_what_is_not(limit: float) -> None:
    tried: list[float] = []

    def survives(share: float) -> bool:
        tried.append(share)
        return share <= limit

    survived, broken = bisect_pulse(survives)
    assert survived <= limit < broken <= 1
    assert len(tried) <= MOST_PULSES
    assert broken - survived <= max(0.2 * broken, 0.5**MOST_PULSES)


def test_what_cannot_be_told_ends_the_search() -> None:
    assert bisect_pulse(lambda _: None) == (0.0, 1.0)
    outcomes = iter([True, None])
    assert bisect_pulse(lambda _: next(outcomes)) == (0.5, 1.0)


def test_a_shorter_pulse_keeps_the_order_of_its_faults() -> None:
    faults = (TimedFault("a", "down", at=2.0, duration=8.0), TimedFault("b", "down", at=6.0, duration=4.0))
    half = shorten_pulse(ExperimentPlan("x", faults), 0.5)
    assert [(fault.at, fault.duration) for fault in half.faults] == [(2.0, 4.0), (4.0, 2.0)]
    assert half.duration == 4.0
    assert half.name == "x, pulse of 4 s"
