"""A client that respects a service's rate limit: it waits, sends again what was declined, and keeps to a pace.

Tested in tests/wrong_verdicts/test_rate_limited_services.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from harness.core.adapter import StreamDecoder
from harness.core.endpoint import Credentials, Endpoint
from harness.core.errors import BudgetExhausted, ErrorClass
from harness.core.exchange import Exchange, Request
from harness.core.retry_after import is_declined, read_stated_wait
from harness.core.throttle import LONGEST_PAUSE, Throttle
from harness.io.client import ENDPOINT_CREDENTIALS, Client
from harness.io.clock import Clock, read_monotonic, sleep_real

MOST_WAITING = 300.0
"""Seconds that a run waits in all for a rate limit, unless `--ai-max-time` allows it another time."""
_FIRST_CONTACT = 5.0
"""Seconds that are waited for a service that has never answered an inference."""
_LASTING, _LASTING_TRIES = 60.0, 5
"""Seconds of pauses, and tries, after which a service that declines an only request is not merely busy."""


class PoliteClient(Client):
    """As `Client`, for a service that may decline requests for a while (429, or 503 with Retry-After).

    `count_repeat` is called before a request is sent again; it raises `BudgetExhausted` at a ceiling. Without it, as in
    preflight, a request that would have to wait for long is given up and comes back as it was declined. A request that
    is declined for over a minute, with nothing else under way, has the error GONE if the service answered before.
    """

    def __init__(self, endpoint: Endpoint, *, clock: Clock | None = None, most_waiting: float = MOST_WAITING) -> None:
        super().__init__(endpoint, clock=clock)
        self.throttle = Throttle()
        self.count_repeat: Callable[[], None] | None = None
        self._most_waiting = most_waiting
        self._paces = self._repeats = True
        self._has_answered = self._is_lasting = self._is_hopeless = False

    @contextmanager
    def see_refusals(self, *, paced: bool) -> Iterator[None]:
        """Send nothing again inside the `with`, so that each refusal is seen; not even wait, unless `paced`."""
        before = self._paces, self._repeats
        self._paces, self._repeats = paced, False
        try:
            yield
        finally:
            self._paces, self._repeats = before

    def wait_turn(self) -> None:
        """Wait until the pace allows the next request."""
        self._wait_for(1)

    def learn(self, exchange: Exchange) -> bool:
        """Learn from an exchange beside this client; whether it was declined and may be sent again after a turn."""
        self.note_answer()
        now = read_monotonic()
        if exchange.response is not None and not is_declined(exchange):
            self.throttle.note_accepted(now)
        if not is_declined(exchange) or not self._paces or self._is_lasting or not self._has_answered:
            return False
        pause = self.throttle.note_declined(now, read_stated_wait(exchange.response), alone=True)
        if pause <= LONGEST_PAUSE:
            self.throttle.postpone(now + pause)
        return self._repeats and pause <= LONGEST_PAUSE

    def exchange(
        self,
        request: Request,
        *,
        decoder: StreamDecoder | None = None,
        credentials: Credentials | None = ENDPOINT_CREDENTIALS,
    ) -> Exchange:
        """Wait until the pace allows this request, send it, and send it again while it is declined."""
        self.wait_turn()
        exchange = super().exchange(request, decoder=decoder, credentials=credentials)
        return self._settle(exchange, decoder, credentials, read_monotonic(), teaches=True)

    def exchange_as_they_end(
        self,
        requests: Sequence[Request],
        *,
        concurrency: int,
        decoders: Sequence[StreamDecoder | None] | None = None,
    ) -> Iterator[tuple[int, Exchange]]:
        """Send requests side by side, at most a second's worth of the pace at once; repeat declined ones at the end.

        Where one of several is declined, fewer at once are tried before a slower pace: a service may bound either.
        """
        decoders = decoders or [None] * len(requests)
        exchanges: dict[int, Exchange] = {}
        while len(exchanges) < len(requests):
            start, most = len(exchanges), len(requests)
            if self._paces and self.throttle.burst is not None:
                most = self.throttle.burst
            if self._paces:
                concurrency = self.throttle.limit_at_once(concurrency)
            part = slice(start, start + most)
            self._wait_for(len(requests[part]))
            sent = super().exchange_as_they_end(requests[part], concurrency=concurrency, decoders=decoders[part])
            for place, exchange in sent:
                exchanges[start + place] = exchange
                if not is_declined(exchange):
                    self._note_accepted(exchange)
                    yield start + place, exchange
        ended = read_monotonic()
        declined = [place for place, exchange in sorted(exchanges.items()) if is_declined(exchange)]
        is_crowded = min(concurrency, len(requests)) > 1
        if declined and is_crowded and self._paces:
            self.throttle.note_crowded(min(concurrency, len(requests)))
        for place in declined:
            # The first of those that were declined together shows the pace; the others show it no second time.
            teaches = place == declined[0] and not is_crowded
            yield place, self._settle(exchanges[place], decoders[place], ENDPOINT_CREDENTIALS, ended, teaches=teaches)

    def _settle(
        self,
        exchange: Exchange,
        decoder: StreamDecoder | None,
        credentials: Credentials | None,
        ended: float,
        *,
        teaches: bool,
    ) -> Exchange:
        """Learn from an exchange, which ended at this time; send it again until it is accepted, or for too long.

        `teaches`: whether its refusal shows that the rate was too high.
        """
        paused, tries = 0.0, 0
        while is_declined(exchange):
            if not (self._paces or self._repeats):
                return exchange
            stated = read_stated_wait(exchange.response)
            pause = self.throttle.note_declined(read_monotonic(), stated, alone=teaches, tries=tries)
            pause = max(0.0, pause - (read_monotonic() - ended))
            if not self._repeats:
                if pause <= LONGEST_PAUSE:
                    self.throttle.postpone(read_monotonic() + pause)
                return exchange
            if self._is_lasting or (paused >= _LASTING and tries >= _LASTING_TRIES):
                return self._mark_lasting(exchange, paused)
            if self._gives_up(paused, pause, exchange):
                return exchange
            pause = max(pause, self._allow_turn(pause, is_repeat=True))
            self._sleep(pause)
            exchange = super().exchange(exchange.request, decoder=decoder, credentials=credentials)
            ended, paused, tries = read_monotonic(), paused + pause, tries + 1
        self._note_accepted(exchange)
        return exchange

    def _note_accepted(self, exchange: Exchange) -> None:
        if exchange.response is not None:
            self.throttle.note_accepted(read_monotonic())
            self._is_lasting = self._is_hopeless = False
            self._has_answered = self._has_answered or (exchange.ok and exchange.request.method == "POST")

    def _gives_up(self, paused: float, pause: float, declined: Exchange) -> bool:
        """Whether to wait no longer for this request. Raises `BudgetExhausted` where no other could be waited for."""
        if not self._has_answered or self.count_repeat is None:
            self._is_hopeless = self._is_hopeless or paused + pause > _FIRST_CONTACT
            return self._is_hopeless
        self._check_waiting(pause, declined.detail)
        return False

    def _check_waiting(self, pause: float, detail: str) -> None:
        throttle = self.throttle
        if pause <= LONGEST_PAUSE and throttle.waited + pause <= self._most_waiting:
            return
        raise BudgetExhausted(
            f"the service declined requests {throttle.declined} times ({detail}); the next must wait {pause:.3g} s. "
            f"The harness waits {LONGEST_PAUSE:g} s at once and {self._most_waiting:g} s in all: raise the service's "
            "limit for this client, run fewer suites at once, or give the run more time with --ai-max-time=SECONDS"
        )

    def _mark_lasting(self, declined: Exchange, paused: float) -> Exchange:
        since = "still"
        if not self._is_lasting:
            since = f"for {paused:.0f} s, with nothing else under way"
        self._is_lasting = True
        detail = f"it answered before, and declines every request {since}: {declined.detail}"
        return replace(declined, response=None, error=ErrorClass.GONE, detail=detail)

    def _wait_for(self, requests: int) -> None:
        """Wait until so many requests may leave; not for a service that declines everything at any pace."""
        if self._paces and not self._is_lasting:
            self._sleep(self._allow_turn(requests=requests))

    def _allow_turn(self, pause: float = 0.0, requests: int = 1, *, is_repeat: bool = False) -> float:
        """The seconds to wait for a turn that is reserved. `BudgetExhausted` moves no turn: nothing is sent then."""
        now = read_monotonic()
        seconds = max(pause, self.throttle.find_wait(now, requests))
        if self.count_repeat is not None and seconds > 0:
            self._check_waiting(seconds, "its pace is kept")
        if self.count_repeat is not None and is_repeat:
            self.count_repeat()
        return self.throttle.reserve_turn(now, requests)

    def _sleep(self, seconds: float) -> None:
        if seconds > 0:
            self.throttle.waited += seconds
            sleep_real(seconds)
