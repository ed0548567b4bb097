"""Many streams are read in portions: the loop looks at the sockets at most every half millisecond.

A look for each piece of each stream would take most of the core. The kernel's stamps keep the times of arrival as they
are; where there are none, and where answers end so often that the next request would wait, every look is at once.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any

from gevent.monkey import get_original

from harness.load.stall_meter import TICK

PORTION = 0.0005
"""Seconds between two looks at the sockets. Two pieces of one stream that come in so short a time get one stamp."""

_MOST_SINGLE = round(2000 * TICK)
"""Pieces in a tick up to which each is read by itself."""
_PIECES_PER_ANSWER = 8
"""Stamped pieces for each answer that ends, from which on an answer is a stream."""
_LAST = -2
"""The priority of what the loop does last before it looks at the sockets."""

_sleep = get_original("time", "sleep")


class Portions:
    """Makes a loop of gevent wait before it looks at the sockets, while that is worth it.

    `stamped` counts pieces whose arrival the kernel has stamped, `answers` those that have ended; both since `choose`.
    `last_look` is the time of the last look, while the loop waits (performance counter, s).
    """

    def __init__(self, loop: Any) -> None:
        self.stamped, self.answers, self.last_look = 0, 0, 0.0
        self._watcher = loop.prepare(priority=_LAST)
        self._is_waiting = False

    def choose(self) -> None:
        """Once a tick: read in portions from now on, or each piece by itself."""
        waits = is_worth_waiting(self.stamped, self.answers)
        self.stamped = self.answers = 0
        if waits and not self._is_waiting:
            self._watcher.start(self.wait)
        elif self._is_waiting and not waits:
            self._watcher.stop()
        self._is_waiting = waits

    def close(self) -> None:
        """Wait no more."""
        self._watcher.stop()
        self._watcher.close()

    def wait(self) -> None:
        """Wait until the last look is one portion ago, and look."""
        left = PORTION - (perf_counter() - self.last_look)
        if left > 0:
            _sleep(left)
        self.last_look = perf_counter()


def is_worth_waiting(stamped: int, answers: int) -> bool:
    """Whether so many stamped pieces, and ends of answers, in one tick are those of many streams."""
    return stamped > _MOST_SINGLE and stamped >= _PIECES_PER_ANSWER * answers
