"""Send one query again and again at random moments, whether or not the last answer has come.

One request after the other would meet a pause of the service once, however long it is (coordinated omission). So every
request has a moment at which it is due, and its time counts from there; at most `MOST_IN_FLIGHT` are under way. The
gaps between them are random, so that they do not fall into step with a periodic pause, and so long that a healthy
service has about one request at a time.

Tested in tests/run/test_objective.py.
"""

from __future__ import annotations

import itertools
import math
import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from threading import Event

from harness.core.errors import ErrorClass
from harness.core.exchange import Exchange, Query
from harness.core.retry_after import is_declined
from harness.io.clock import Clock
from harness.run.planning import FEWEST_WARM_UP, WARM_UP_REQUESTS, WARM_UP_SECONDS
from harness.run.session import Asked, Session

MOST_IN_FLIGHT = 8
"""Requests under way at once; one that is due later waits, and its wait is in its time."""

MOST_DECLINED = 3
"""Declined requests that end a warm-up."""

_PACED = 0.001
"""Seconds of waiting for a turn that show a pace to be kept."""

IDLE_SHARE = 0.5
"""The random part of a gap, as a share of a usual answer's time, which is the fixed part."""


@dataclass(frozen=True, slots=True)
class WarmUp:
    """Requests that are not counted, and the usual time of an answer in seconds: the p75 of the warm-up's second half.

    `broken` is the exchange that the harness itself broke; `failure` says how the first of the others failed.
    """

    requests: int
    usual: float
    broken: Exchange | None = None
    answered: int = 0
    failure: str = ""


def warm_up(ask: Callable[[], Exchange], clock: Clock) -> WarmUp:
    """Ask one request after the other: 50, or fewer (at least 3) where they take longer than 10 s.

    It also ends when three of them were declined, which shows the pace that the service asks for.
    """
    began, times, declined, failures = clock.now(), list[float](), 0, list[Exchange]()
    while len(times) < WARM_UP_REQUESTS and declined < MOST_DECLINED:
        if len(times) >= FEWEST_WARM_UP and clock.now() - began >= WARM_UP_SECONDS:
            break
        start = clock.now()
        exchange = ask()
        if exchange.error is ErrorClass.HARNESS:
            return WarmUp(len(times), 0.0, exchange, failure=exchange.detail)
        declined += is_declined(exchange)
        if not exchange.ok:
            failures.append(exchange)
        times.append(clock.now() - start)
    second_half = sorted(times[len(times) // 2 :])
    usual = second_half[math.ceil(0.75 * len(second_half)) - 1]
    failure = failures[0].detail if failures else ""
    return WarmUp(len(times), usual, answered=len(times) - len(failures), failure=failure)


class OpenLoop:
    """The same query at random moments: `requests` of them, spread over at least `window` seconds.

    `usual` is the time of a usual answer, and the shortest gap. With several sessions each of them is asked at each of
    the moments; one that is slow delays the others, and is not counted against them.
    """

    def __init__(
        self, sessions: Sequence[Session], query: Query, *, usual: float, requests: int, window: float, seed: int
    ) -> None:
        self._sessions = sessions
        self._query = query
        self._random = random.Random(seed)
        self._left = requests
        self._shortest = usual
        self._extra = max(IDLE_SHARE * usual, window / requests - usual, 1e-4)
        self._under_way: deque[list[Asked]] = deque()
        self._places = range(len(sessions))
        self._full_until = [0.0] * len(sessions)
        self._due = [0.0] * len(sessions)

    def ask(self) -> Iterator[tuple[Exchange, ...]]:
        """The answers of all sessions to one request after the other, in the order in which they were due.

        Whoever stops to listen closes the iterator, which waits for the requests under way.
        """
        clock = self._sessions[0].client.clock
        self._due = [clock.now()] * len(self._sessions)
        try:
            while self._left or self._under_way:
                busy = self._list_busy()
                if self._under_way and not any(one.future in busy for one in self._under_way[0]):
                    yield self._receive()
                elif self._left and not any(self._list_full()) and clock.now() >= min(self._due):
                    self._send()
                else:
                    self._rest(busy, min(self._due))
        finally:
            while self._under_way:
                self._receive()

    def _list_busy(self) -> list[Future[Exchange]]:
        return [one.future for asked in self._under_way for one in asked if not one.future.done()]

    def _list_full(self) -> list[bool]:
        """For each session, whether it has as many requests under way as it may."""
        counts = [sum(not asked[place].future.done() for asked in self._under_way) for place in self._places]
        return [count >= MOST_IN_FLIGHT for count in counts]

    def _send(self) -> None:
        """Send one request to each session, and note when the next one is due there.

        Its time counts from when it was due if it had to wait for others of its own session. That this process woke up
        late, that another session was full, or that the service asked for a pace, is not the service's fault.
        """
        clock = self._sessions[0].client.clock
        before = clock.now()
        for session in self._sessions:
            session.client.wait_turn()
        now = clock.now()
        gap = self._shortest + self._random.expovariate(1 / self._extra)
        asked = []
        for place, session in enumerate(self._sessions):
            waited = 0.0
            if now - before <= _PACED:
                waited = max(0.0, self._full_until[place] - self._due[place])
            self._due[place] = now - waited
            asked.append(session.begin(self._query, self._due[place]))
            self._due[place] += gap
        self._under_way.append(asked)
        self._left -= 1

    def _rest(self, busy: list[Future[Exchange]], due: float) -> None:
        """Wait until something has ended or, where it can be sent, the next request is due."""
        clock = self._sessions[0].client.clock
        full = self._list_full()
        if not self._left or any(full):
            wait(busy, return_when=FIRST_COMPLETED)
            for place in itertools.compress(self._places, full):
                self._full_until[place] = clock.now()
        elif busy:
            wait(busy, max(0.0, due - clock.now()), FIRST_COMPLETED)
        else:
            Event().wait(max(0.0, due - clock.now()))

    def _receive(self) -> tuple[Exchange, ...]:
        asked = self._under_way.popleft()
        return tuple(session.end(one) for session, one in zip(self._sessions, asked, strict=True))
