"""The alarms of every link of a proxy in one heap, behind one timer of the event loop.

A link has an alarm or none. An alarm that is put off costs nothing: it rings in vain, and is set again.
Tested in tests/chaos/proxy/test_alarm.py.
"""

from __future__ import annotations

import asyncio
from heapq import heapify, heappop, heappush
from itertools import count
from math import inf
from typing import Protocol

_MOST_DEAD = 200
"""Alarms of links that have ended, after which they are cleared away when they are the greater part."""


class Sleeper(Protocol):
    """What has an alarm: `due` is the time of its next tick, `alarm` that of its first alarm in the heap."""

    due: float
    alarm: float

    def tick(self, now: float) -> None:
        """The time `due` is reached."""


class AlarmClock:
    """One for each proxy; made inside the event loop that it uses."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._heap: list[tuple[float, int, Sleeper]] = []
        self._numbers = count()
        self._timer: asyncio.TimerHandle | None = None
        self._dead = 0

    def set_alarm(self, sleeper: Sleeper) -> None:
        """See to it that `tick` is called at the sleeper's `due`, which has changed."""
        due = sleeper.due
        if due < sleeper.alarm:
            sleeper.alarm = due
            heappush(self._heap, (due, next(self._numbers), sleeper))
            if self._timer is None or due < self._timer.when():
                self._start_timer(due)

    def drop_alarm(self, sleeper: Sleeper) -> None:
        """The sleeper has ended."""
        sleeper.due = inf
        self._dead += sleeper.alarm < inf
        if self._dead > _MOST_DEAD and 2 * self._dead > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].due < inf]
            heapify(self._heap)
            self._dead = 0

    def _start_timer(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(due, self._ring, due)

    def _ring(self, due: float) -> None:
        self._timer = None
        now = max(due, self._loop.time())
        try:
            while self._heap and self._heap[0][0] <= now:
                when, _, sleeper = heappop(self._heap)
                if when == sleeper.alarm:
                    sleeper.alarm = inf
                    if sleeper.due <= now:
                        sleeper.tick(now)
                    self.set_alarm(sleeper)
        finally:  # a tick that fails takes no other alarm with it
            if self._heap and (self._timer is None or self._heap[0][0] < self._timer.when()):
                self._start_timer(self._heap[0][0])
