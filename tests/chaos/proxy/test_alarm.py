"""The alarms of links: at their time, in order, put off without cost, and cleared away with their links."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from math import inf
from typing import Any

import pytest

from harness.chaos.proxy.alarm import AlarmClock


class Loop:
    """An event loop of one timer, whose clock moves when `run` is called."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[tuple[float, Timer, Callable[..., None], tuple[Any, ...]]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, call: Callable[..., None], *arguments: Any) -> Timer:
        timer = Timer(when)
        self.timers.append((when, timer, call, arguments))
        return timer

    def run(self, until: float) -> None:
        while ready := [row for row in self.timers if row[0] <= until and not row[1].is_cancelled]:
            row = min(ready, key=lambda row: row[0])
            self.timers.remove(row)
            self.now = max(self.now, row[0])
            row[2](*row[3])
        self.now = until
        self.timers = [row for row in self.timers if not row[1].is_cancelled]


class Timer:
    def __init__(self, when: float) -> None:
        self._when, self.is_cancelled = when, False

    def when(self) -> float:
        return self._when

    def cancel(self) -> None:
        self.is_cancelled = True


class Sleeper:
    """Ticks at the times of `times`, one after another."""

    def __init__(self, clock: AlarmClock, loop: Loop, *times: float) -> None:
        self.times: Iterator[float] = iter(times)
        self.alarm, self.due = inf, next(self.times, inf)
        self.ticks: list[float] = []
        self.loop = loop
        clock.set_alarm(self)

    def tick(self, now: float) -> None:
        assert now >= self.due
        self.ticks.append(self.loop.time())
        self.due = next(self.times, inf)


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def clock(loop: Loop) -> AlarmClock:
    return AlarmClock(loop)  # type: ignore[arg-type]


def test_every_sleeper_ticks_at_its_times(loop: Loop, clock: AlarmClock) -> None:
    rows = [(3.0, 4.0), (1.0, 9.0), (2.0, 2.0, 2.0), (), (1.0,)]
    sleepers = [Sleeper(clock, loop, *row) for row in rows]
    loop.run(10)
    assert [tuple(sleeper.ticks) for sleeper in sleepers] == rows
    assert not loop.timers


def test_an_alarm_that_is_put_off_keeps_one_entry(loop: Loop, clock: AlarmClock) -> None:
    """A timeout that each piece of data starts again: a million pieces must not fill the memory."""
    sleeper = Sleeper(clock, loop, 5.0)
    for number in range(1000):
        loop.run(number / 1000)
        sleeper.due = loop.now + 5
        clock.set_alarm(sleeper)
    assert len(clock._heap) == 1
    loop.run(20)
    assert sleeper.ticks == [pytest.approx(5.999)]


def test_an_alarm_that_is_brought_forward_rings_once(loop: Loop, clock: AlarmClock) -> None:
    sleeper = Sleeper(clock, loop, 5.0)
    sleeper.due = 2.0
    clock.set_alarm(sleeper)
    loop.run(20)
    assert sleeper.ticks == [2.0]


def test_links_that_have_ended_are_cleared_away(loop: Loop, clock: AlarmClock) -> None:
    sleeper = Sleeper(clock, loop, 3600.0)
    for _ in range(5000):
        clock.drop_alarm(Sleeper(clock, loop, 3600.0))
    assert len(clock._heap) < 500
    loop.run(4000)
    assert sleeper.ticks == [3600.0]


def test_a_tick_that_fails_takes_no_other_with_it(loop: Loop, clock: AlarmClock) -> None:
    class Broken(Sleeper):
        def tick(self, now: float) -> None:
            self.due = inf
            raise ValueError("broken")

    Broken(clock, loop, 1.0)
    other = Sleeper(clock, loop, 1.0, 2.0)
    with pytest.raises(ValueError, match="broken"):
        loop.run(3)
    loop.run(3)
    assert other.ticks == [1.0, 2.0]


def test_on_a_real_loop() -> None:
    async def count_ticks() -> int:
        loop = asyncio.get_running_loop()
        sleeper = Sleeper(AlarmClock(loop), loop, loop.time() + 0.01, loop.time() + 0.02)  # type: ignore[arg-type]
        ends = loop.time() + 5
        while sleeper.due < inf and loop.time() < ends:
            await asyncio.sleep(0.005)
        return len(sleeper.ticks)

    assert asyncio.run(count_ticks()) == 2
