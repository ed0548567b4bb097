"""What the fault proxy records: events, counters, and the random draws that a seed reproduces."""

from __future__ import annotations

import hashlib
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

_MOST_EVENTS = 10_000


@dataclass(slots=True)
class ToxicCounts:
    """One toxic's counts: connections for which it was drawn; connections, requests and bytes that it affected.

    `marked` counts the marked requests that it affected; `waits` those whose sender it asked to wait and knows again,
    `early` the attempts that came before that time.
    """

    connections: int = 0
    affected_connections: int = 0
    affected_requests: int = 0
    bytes: int = 0
    marked: int = 0
    waits: int = 0
    early: int = 0

    def to_row(self) -> dict[str, int]:
        """The object of the API; `affected` counts requests where there are any, else connections."""
        return {**asdict(self), "affected": self.affected_requests or self.affected_connections}


class TrafficKey(NamedTuple):
    """What a counter of bytes is for; the names are the labels of Toxiproxy's metrics."""

    direction: str
    listener: str
    proxy: str
    upstream: str


class Journal:
    """The last 10,000 events, with times in seconds since the start of the server (monotonic).

    `traffic` is what connections that have ended received and sent, in bytes, by route (the last 10,000 routes).
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._began = time.monotonic()
        self._events: deque[tuple[int, float, str, str, str, dict[str, Any]]] = deque(maxlen=_MOST_EVENTS)
        self._last = 0
        self.traffic: dict[TrafficKey, tuple[int, int]] = {}

    def count_traffic(self, route: TrafficKey, received: int, sent: int) -> None:
        """Add what one direction of a connection carried, now that it has ended."""
        before = self.traffic.get(route, (0, 0))
        self.traffic[route] = (before[0] + received, before[1] + sent)
        if len(self.traffic) > _MOST_EVENTS:
            del self.traffic[next(iter(self.traffic))]

    def now(self) -> float:
        """Seconds since the start."""
        return round(time.monotonic() - self._began, 6)

    def write(self, kind: str, proxy: str, toxic: str, **more: Any) -> None:
        """Add an event: kind applied, lifted or affected."""
        self._last += 1
        self._events.append((self._last, time.monotonic(), kind, proxy, toxic, more))

    def list_events(self, since: int) -> dict[str, Any]:
        """The events after the one of this number; `last` is the number for the next call."""
        events = []
        for number, at, kind, proxy, toxic, more in self._events:
            if number > since:
                when = round(at - self._began, 6)
                events.append({"id": number, "when": when, "kind": kind, "proxy": proxy, "toxic": toxic, **more})
        return {"last": self._last, "now": self.now(), "events": events}

    def draw(self, *key: object, seed: int | None = None) -> float:
        """A number in [0, 1) that depends on the seed (None: the server's) and the key alone."""
        digest = hashlib.blake2b(repr((self.seed if seed is None else seed, *key)).encode(), digest_size=7).digest()
        return int.from_bytes(digest, "big") / (1 << 56)

    def make_generator(self, *key: object, seed: int | None = None) -> Callable[[], float]:
        """A generator of such numbers."""
        return random.Random(repr((self.seed if seed is None else seed, *key))).random
