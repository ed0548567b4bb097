"""Leaks and what only looks like one: two published curves of healthy services, and curves of every other form."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from harness.stats.leak import Growth, judge_growth

HOURS = 13.0
PAUSES = tuple((at, at + 0.4) for at in (3.0, 6.3, 9.6))
Curve = Callable[[float], float]


def read(curve: Curve, count: int = 240, noise: float = 0.002, hours: float = HOURS) -> list[tuple[float, float]]:
    """A gauge as it is read; its noise is a share of its level."""
    random = np.random.default_rng(5)
    times = np.linspace(0, hours, count)
    return [(float(time), curve(float(time)) * (1 + noise * float(random.standard_normal()))) for time in times]


def judge(points: list[tuple[float, float]], idle: tuple[tuple[float, float], ...] = PAUSES) -> Growth:
    limit = 0.02 * points[0][1]
    return judge_growth(points, idle, limit, 2 * limit, 0.01)


def fill_memory(hour: float) -> float:
    """GiB of a healthy server: monotone from 3.217 to 3.448 in 5.4 hours, a peak of 3.538, 3.354 after 13 hours."""
    return float(np.interp(hour, [0, 5.4, 8.0, 13.0], [3.217, 3.448, 3.538, 3.354]))


def fill_cache(hour: float) -> float:
    """The occupancy of a healthy KV cache: from 65 % to 96.4 %, and then flat for 28 windows."""
    return float(np.interp(hour, [0, 4.0, 13.0], [65.0, 96.4, 96.4]))


def leak(hour: float) -> float:
    return 3.0 + 0.05 * hour


@pytest.mark.parametrize("noise", [0.0, 0.0005, 0.005])
@pytest.mark.parametrize("curve", [fill_memory, fill_cache])
@pytest.mark.parametrize("idle", [PAUSES, ()])
def test_the_two_published_curves_of_healthy_services_are_no_leaks(
    curve: Curve, noise: float, idle: tuple[tuple[float, float], ...]
) -> None:
    assert judge(read(curve, noise=noise), idle).kind in ("none", "returns")


def test_a_run_that_ends_while_memory_still_rises_does_not_call_it_a_leak() -> None:
    assert judge(read(fill_memory, hours=5.4), ()).kind in ("unclear", "none")


@pytest.mark.parametrize("noise", [0.0, 0.002, 0.01])
def test_growth_that_goes_on_and_stays_in_pauses_is_a_leak(noise: float) -> None:
    growth = judge(read(leak, noise=noise))
    assert growth.kind == "leak"
    assert growth.second == pytest.approx(0.3, rel=0.5)
    assert growth.low > 0
    assert growth.idle is not None


def test_without_pauses_a_leak_is_left_open() -> None:
    assert judge(read(leak), ()).kind == "unclear"
    assert judge(read(leak), PAUSES[:1]).kind == "unclear"


def test_what_comes_back_in_pauses_is_no_leak() -> None:
    def hold(hour: float) -> float:
        return 3.0 if any(begin <= hour <= end for begin, end in PAUSES) else leak(hour)

    assert judge(read(hold)).kind == "returns"


def test_growth_that_levels_off_is_no_leak() -> None:
    def saturate(hour: float) -> float:
        return float(4 - np.exp(-hour / 3))

    assert judge(read(saturate, noise=0.0)).kind != "leak"
    assert judge(read(saturate, noise=0.002)).kind != "leak"


@pytest.mark.parametrize("at", [6.8, 8.0, 10.0, 12.0])
@pytest.mark.parametrize("noise", [0.0, 0.0005, 0.002])
def test_one_step_is_no_leak(at: float, noise: float) -> None:
    """As the memory of the reference deployment after a time of overload, which it kept and which then was enough."""

    def step(hour: float) -> float:
        return float(np.interp(hour, [0, 0.5, at, at + 0.5], [58.5, 59.4, 59.45, 61.8]))

    assert judge(read(step, noise=noise)).kind not in ("leak", "none")


@pytest.mark.parametrize(("steps", "kinds"), [(4, {"step"}), (8, {"unclear", "leak"}), (20, {"leak"})])
def test_a_leak_in_few_steps_is_left_open_and_one_in_many_is_called_one(steps: int, kinds: set[str]) -> None:
    def climb(hour: float) -> float:
        return float(3.0 + 0.65 * np.floor(hour / HOURS * steps) / steps)

    assert judge(read(climb)).kind in kinds


def test_a_saw_of_garbage_collection_is_no_leak() -> None:
    def saw(hour: float) -> float:
        return 2.0 + hour % 0.8

    assert judge(read(saw)).kind != "leak"


@pytest.mark.parametrize("phi", [0.5, 0.9, 1.0])
def test_noise_is_seldom_a_leak_even_where_it_wanders(phi: float) -> None:
    random = np.random.default_rng(11)
    alarms = 0
    for _ in range(100):
        noise = random.standard_normal(240)
        for i in range(1, 240):
            noise[i] += phi * noise[i - 1]
        points = [(i * HOURS / 240, 1000.0 + 10 * float(value)) for i, value in enumerate(noise)]
        alarms += judge(points).kind == "leak"
    assert alarms <= 5


def test_a_gauge_that_was_read_rarely_is_not_judged() -> None:
    assert judge(read(leak, count=25)).kind == "short"
