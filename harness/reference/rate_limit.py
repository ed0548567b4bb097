"""A limit of requests within any minute, in the order in which they come."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable

_WINDOW = 60.0
"""Seconds."""


class RateLimit:
    """At most `most` requests are admitted within any 60 seconds (a sliding log)."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.most = most
        self._clock = clock
        self._admitted: deque[float] = deque()

    def admit(self) -> int:
        """0 when the request is admitted, else the whole seconds after which one will be."""
        now = self._clock()
        while self._admitted and now - self._admitted[0] >= _WINDOW:
            self._admitted.popleft()
        if len(self._admitted) < self.most:
            self._admitted.append(now)
            return 0
        return max(1, math.ceil(self._admitted[0] + _WINDOW - now))
