"""Throttle: the pace that a rate-limited service allows, learned from what it declines. Pure; times are given."""

from __future__ import annotations

from collections import deque

LONGEST_PAUSE = 60.0
"""Seconds that are waited at once: a service that asks for more has a quota, which no test waits for."""
_FIRST_PAUSE, _PAUSE_FACTOR = 0.25, 2.0
"""Seconds of the first pause where the service states none, and by how much each further one is longer."""
_SHORTEST_WINDOW = 1.0
"""Seconds over which the accepted requests are counted, if the service does not ask for a longer wait."""
_CAUTION, _SLOWER, _FASTER = 0.9, 1.2, 0.8
"""The share of the rate seen that is sent; by how much the gap grows if it was too short, and shrinks in time."""
_LONGEST_GAP = 10.0
_TRUST = 100
"""Accepted requests after which a shorter gap is tried."""
_REMEMBERED = 10_000


class Throttle:
    """Says when the next request may leave.

    `gap` is the number of seconds between two requests, 0 until one that was sent alone is declined. `most_at_once` is
    the number of requests that may be under way, None until one of several is declined. `declined` counts refusals,
    `accepted` all other answers, `waited` the seconds of all pauses.
    """

    def __init__(self) -> None:
        self.gap = 0.0
        self.most_at_once: int | None = None
        self.declined = 0
        self.accepted = 0
        self.waited = 0.0
        self._next = 0.0
        self._accepted_at: deque[float] = deque(maxlen=_REMEMBERED)
        self._trusted = 0

    @property
    def burst(self) -> int | None:
        """The number of requests that may be sent at once, which a second allows; None: any number."""
        return max(1, int(1 / self.gap)) if self.gap else None

    def find_wait(self, now: float, requests: int = 1) -> float:
        """The seconds to wait before the next requests may leave together; it reserves nothing."""
        return max(self._next, now) + self.gap * (requests - 1) - now

    def reserve_turn(self, now: float, requests: int = 1) -> float:
        """The seconds to wait before the next requests leave together, which are sure to be sent then.

        Their gaps lie before and behind them: no window of time, wherever it begins, holds more than the pace allows.
        """
        wait = self.find_wait(now, requests)
        self._next = now + wait + self.gap * requests
        return wait

    def limit_at_once(self, concurrency: int) -> int:
        """The number of requests that may be under way, of so many that are wanted."""
        return min(concurrency, self.most_at_once or concurrency)

    def note_crowded(self, concurrency: int) -> None:
        """Of several requests at once some were declined: half as many are tried from now on."""
        self.most_at_once = max(1, concurrency // 2)

    def postpone(self, until: float) -> None:
        """Let nothing leave before this time."""
        self._next = max(self._next, until)

    def note_accepted(self, now: float) -> None:
        """The service answered a request, whatever it answered."""
        self.accepted += 1
        self._accepted_at.append(now)
        self._trusted += 1
        if self.gap and self._trusted >= _TRUST:
            self.gap *= _FASTER
            self._trusted = 0

    def note_declined(self, now: float, stated_wait: float | None, *, alone: bool, tries: int = 0) -> float:
        """The service declined a request, for the `tries`-th time after the first; the seconds to wait.

        Only one that was sent alone shows that the rate was too high: of several at once, their number may have been.
        Its repeats are not sent at the pace, and teach nothing more.
        """
        self.declined += 1
        self._trusted = 0
        is_pace = stated_wait is None or stated_wait <= LONGEST_PAUSE  # else a quota, which no pace keeps
        if alone and is_pace and self.accepted and not tries:
            window = max(_SHORTEST_WINDOW, stated_wait or 0.0)
            recent = sum(1 for moment in self._accepted_at if moment > now - window)
            self.gap = max(self.gap * _SLOWER, window / (_CAUTION * max(recent, 1)))
            self.gap = min(self.gap, _LONGEST_GAP)
        if stated_wait is not None:
            return stated_wait
        return min(_FIRST_PAUSE * _PAUSE_FACTOR**tries, LONGEST_PAUSE)

    def describe(self) -> str:
        """What was declined and how the harness slowed down, for the report; empty if nothing was declined."""
        if not self.declined:
            return ""
        slower = "sent them again later"
        if self.gap:
            slower = f"slowed down to {1 / self.gap:.3g} requests/s"
        if self.most_at_once:
            slower += f", at most {self.most_at_once} at once"
        declined = f"the service declined requests {self.declined} times with 429, or 503 and Retry-After"
        return f"{declined}; the harness waited {self.waited:.0f} s in all and {slower}"
