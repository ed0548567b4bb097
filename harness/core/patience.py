"""Patience: how long answers are waited for once it is known that this service leaves requests without one.

A check waits one whole deadline for an answer that never comes, and a run a few of them. What is not waited for longer
is no failure of the service: it is `UNAWAITED`, and shows nothing. Pure; times are given.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from harness.core.endpoint import Deadlines
from harness.core.errors import TIMEOUT_ERRORS, BudgetExhausted, ErrorClass
from harness.core.exchange import Exchange

WHOLE_WAITS = 3.0
"""The time that the checks of a run wait in all for answers that never come, in deadlines (`total`)."""
SHORT_WAITS = 1.0
"""The time that they wait after that in all, with shorter waits, in deadlines (`total`)."""
_SLOWER = 10.0
"""A short wait is so many times the slowest answer that came."""
_SHORTEST, _SHORTEST_TOTAL = 2.0, 5.0
"""Seconds: the shortest of the short waits for a first byte or the next one, and for a whole answer."""


class Patience:
    """Chooses the deadlines of the next request, from what the last ones cost.

    Only inside `limit` are they ever shorter than the endpoint's. `hangs` counts the requests that waited for their
    whole deadline, and `waited` the seconds that passed meanwhile.
    """

    def __init__(self, deadlines: Deadlines) -> None:
        self.hangs = 0
        self.waited = 0.0
        self._short_waited = 0.0
        self._deadlines = deadlines
        self._slowest = 0.0
        self._is_limited = self._hung_now = False
        self._counted_until = 0.0

    @contextmanager
    def limit(self) -> Iterator[None]:
        """Inside the `with`, wait one whole deadline for each attempt of a check, and not more than a few in all."""
        self._is_limited = True
        try:
            yield
        finally:
            self._is_limited = self._hung_now = False

    def begin_attempt(self) -> None:
        """A check begins, or is repeated: it may wait for one whole deadline of its own.

        Raises `BudgetExhausted` when the run has waited long enough.
        """
        self._hung_now = False
        if self._short_waited > SHORT_WAITS * self._deadlines.total:
            raise BudgetExhausted(f"the service hangs: {self._describe()}; nothing more is asked")

    @property
    def deadlines(self) -> Deadlines:
        """Those of the next request."""
        is_used_up = self.waited >= WHOLE_WAITS * self._deadlines.total
        if not self._is_limited or not (self._hung_now or is_used_up):
            return self._deadlines
        full, slowest = self._deadlines, _SLOWER * self._slowest
        return replace(
            full,
            first_byte=min(full.first_byte, max(_SHORTEST, slowest)),
            inter_token=min(full.inter_token, max(_SHORTEST, slowest)),
            total=min(full.total, max(_SHORTEST_TOTAL, slowest)),
        )

    def note(self, exchange: Exchange, used: Deadlines, now: float) -> Exchange:
        """Learn from an exchange that ended now under the deadlines `used`; as it is to be judged."""
        if exchange.error not in TIMEOUT_ERRORS:
            if exchange.ok:
                self._slowest = max(self._slowest, exchange.timing.service_time or 0.0)
            return exchange
        if not self._is_limited:
            return exchange
        seconds = max(0.0, now - max(exchange.timing.intended, self._counted_until))
        self._counted_until = max(self._counted_until, now)
        if used == self._deadlines:
            self.waited += seconds
            self.hangs += 1
            self._hung_now = True
            return exchange
        self._short_waited += seconds
        detail = f"{exchange.detail}; it was not waited for longer, because {self._describe()}"
        return replace(exchange, error=ErrorClass.UNAWAITED, detail=detail)

    def _describe(self) -> str:
        requests = "1 request" if self.hangs == 1 else f"{self.hangs} requests"
        return f"{requests} of this run got no answer within the whole deadline, {self.waited:.0f} s in all"
