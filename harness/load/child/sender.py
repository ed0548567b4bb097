"""What sends the requests of one process's load: the load engine, or on the slow path the ordinary client."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any

from gevent.hub import get_hub

from harness.core.exchange import Request
from harness.load.answer_reader import RawExchange
from harness.load.reuse_record import ReuseRecord
from harness.load.stall_meter import TICK, StallMeter


class Sender:
    """Sends requests to one endpoint, each from the greenlet that calls `fetch`, and watches gevent's hub meanwhile.

    `zero` is the run's start on the system's monotonic clock. `busy` are the exchanges under way; `stall` is the
    longest time for which nothing was sent or stamped (s), `reuse` what became of connections that were kept, and
    `problem` why nothing can be sent any more.
    """

    busy: Collection[Any]

    def __init__(self, zero: float) -> None:
        self.zero = time.perf_counter() - (time.monotonic() - zero)
        self.problem: str | None = None
        self.reuse = ReuseRecord()
        self._meter = StallMeter(self.now())
        self._timer = get_hub().loop.timer(TICK, TICK)
        self._timer.start(self._tick)

    @property
    def stall(self) -> float:
        """The longest stall, which may be set back."""
        return self._meter.longest

    @stall.setter
    def stall(self, seconds: float) -> None:
        """Set the longest stall (s)."""
        self._meter.longest = seconds

    def now(self) -> float:
        """Seconds since the start of the run, read from the performance counter."""
        return time.perf_counter() - self.zero

    def measure_stalls(self) -> float:
        """Seconds since the start for which nothing could be sent or stamped."""
        return self._meter.measure(self.now())

    def measure_cpu(self) -> tuple[float, ...]:
        """Seconds of processor time that each process used that has a part in the sending."""
        return (time.process_time(),)

    def fetch(self, request: Request, encoded: bytes) -> RawExchange:
        """Send a request (`encoded`: for HTTP/1.1) and park until its answer is complete or broken.

        Never raises for the peer, never resends.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Close every connection; exchanges under way end with an error."""
        self._timer.stop()
        self._timer.close()

    def _tick(self) -> None:
        now = self.now()
        self._pass_time(now, self._meter.tick(now))

    def _pass_time(self, now: float, late: float) -> None:
        """Look at deadlines; the look is this `late`."""
