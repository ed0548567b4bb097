"""Requests of others: what a service says is in flight while this load sends nothing, or more than it sends.

Tested in tests/load/test_others.py.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from harness.core.load import LoadResult

_LOOKS, _PAUSE, _INTERVAL = 4, 0.25, 1.0
"""How often the service is looked at before and after a load, and seconds between two looks then and under load."""
_FEWEST_LOOKS = 2
"""Looks under load that must show more than this load had in flight."""

ReadInFlight = Callable[[], float | None]
"""Reads the number of requests in flight that the service states; None where it states none."""


@dataclass(slots=True)
class InFlightLooks:
    """What the service stated of requests in flight: the least of the looks before the load and after it (None: nothing
    was stated), and every look under it.
    """

    before: float | None = None
    after: float | None = None
    under_load: list[float] = field(default_factory=list)

    def find_others(self, result: LoadResult) -> str:
        """What shows that others sent requests, too; empty where nothing does."""
        if self.before:
            return f"the service states {self.before:g} requests in flight before this load has sent any"
        if self.after and not result.failed:  # of a request that failed the service may not know that nobody waits
            return f"the service states {self.after:g} requests in flight after every request of this load has ended"
        levels = result.flow.levels if result.flow else ()
        most = max((level.high for level in levels if level.seconds), default=0)
        more = [count for count in self.under_load if count > most]
        if most and len(more) >= _FEWEST_LOOKS:
            stated = f"the service states up to {max(more):g} requests in flight"
            return f"{stated}, and this load had at most {most}: others send requests, too"
        return ""


@contextmanager
def watch_in_flight(read: ReadInFlight) -> Iterator[InFlightLooks]:
    """Look at the service before, under and after what is inside the `with`."""
    looks = InFlightLooks(before=_find_least(read))
    if looks.before is None:
        yield looks
        return
    is_over = threading.Event()

    def look() -> None:
        while not is_over.wait(_INTERVAL):
            count = read()
            if count is not None:
                looks.under_load.append(count)

    watcher = threading.Thread(target=look, name="in-flight-watch", daemon=True)
    watcher.start()
    try:
        yield looks
    finally:
        is_over.set()
        watcher.join()
    looks.after = _find_least(read)


def _find_least(read: ReadInFlight) -> float | None:
    """The least of some looks: a request of this load, or one that comes and goes, is not in all of them."""
    least = None
    for number in range(_LOOKS):
        if number:
            time.sleep(_PAUSE)
        count = read()
        if count is None:
            return None
        least = count if least is None else min(least, count)
        if not least:
            break
    return least
