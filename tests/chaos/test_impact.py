"""Figures of an experiment: when it showed, when it was dealt with, what it cost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.chaos.impact import describe_attempts, describe_impact
from harness.chaos.recovery_judging import measure_baseline
from harness.chaos.struck import Traffic
from tests.chaos.test_judging import BASELINE, CHAOS, build_experiment, load

YARDSTICK = measure_baseline(BASELINE, CHAOS)


def test_detection_mitigation_and_lost_goodput() -> None:
    """10 requests/s; the fault lasts from 5 s to 7 s."""
    samples = (*BASELINE, *load(5, 5.5), *load(5.5, 6.5, error="closed"), *load(6.5, 17))
    line = describe_impact(build_experiment(samples=samples), YARDSTICK)
    assert "due 0.50 s after the fault began" in line
    assert "good again 1.50 s after it began, 0.50 s before the lift" in line
    assert "10 of 120 requests since then were bad: 1.00 s of goodput" in line


def test_a_recovery_after_the_lift_and_none() -> None:
    assert "good again 3.00 s after the lift" in describe_impact(
        build_experiment(samples=(*BASELINE, *load(5, 10, error="closed"), *load(10, 17))), YARDSTICK
    )
    never = build_experiment(samples=(*BASELINE, *load(5, 17, error="closed")))
    assert "bad until the end" in describe_impact(never, YARDSTICK)


def test_what_was_on_its_way_when_the_fault_began_is_told_apart() -> None:
    """A replica that is killed loses what it had, though nothing that is due afterwards fails."""
    lost = [replace(sample, error="closed", ended=5.1) if sample.intended >= 4.5 else sample for sample in BASELINE]
    killed = build_experiment(samples=(*lost, *load(5, 17)))
    count = sum(sample.error is not None for sample in lost)
    assert count
    assert describe_impact(killed, YARDSTICK).startswith(f"{count} requests that were on their way when the fault")
    assert "no goodput was lost" in describe_impact(killed, YARDSTICK)
    early = [replace(sample, error="closed", ended=4.9) if sample.intended >= 4.5 else sample for sample in BASELINE]
    assert "on their way" not in describe_impact(build_experiment(samples=(*early, *load(5, 17))), YARDSTICK)


def test_a_fault_that_nobody_noticed() -> None:
    assert "no goodput was lost" in describe_impact(build_experiment(samples=(*BASELINE, *load(5, 17))), YARDSTICK)
    assert describe_impact(build_experiment(applied=None), YARDSTICK) == ""


@pytest.mark.parametrize(
    ("traffic", "after", "words"),
    [
        (Traffic(25, 50, 75, 50), (25, 50), "0.50 attempts for each of our requests before the fault, 1.50 under it"),
        (Traffic(25, 50, 75, 50), (25, 50), "3.00 times as many"),
        (Traffic(25, 50, 0, 50), (25, 50), "0.00 under it, 0.50 after the lift"),
        (Traffic(0, 50, 9, 50), (0, 50), ""),
        (Traffic(), (0, 0), ""),
    ],
)
def test_attempts_are_counted_by_phase(traffic: Traffic, after: tuple[int, int], words: str) -> None:
    line = describe_attempts("model", traffic, *after)
    assert words in line
    assert bool(words) == bool(line)
