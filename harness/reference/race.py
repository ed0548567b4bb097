"""Attempts at one call: one after another when they fail, one beside another when they are slow."""

from __future__ import annotations

import asyncio
from itertools import takewhile
from typing import Any

from harness.reference.breaker import Failure
from harness.reference.forwarding import UpstreamAnswer, UpstreamCall
from harness.reference.upstream import Upstream

_RETRIED = {500, 502, 503, 504}
Attempt = asyncio.Task[UpstreamAnswer]


class Race:
    """The attempts at one call, oldest first. `refusal` is an answer with a server error, unless a better one comes."""

    def __init__(self, call: UpstreamCall, order: list[Upstream]) -> None:
        self.call = call
        self.order = order
        self.running: dict[Attempt, Upstream] = {}
        self.refusal: tuple[Upstream, UpstreamAnswer] | None = None

    def start(self) -> None:
        """Start the next attempt."""
        upstream = self.order.pop(0)
        self.running[asyncio.create_task(upstream.ask(self.call))] = upstream

    async def wait(self, hedge_s: float) -> list[Attempt]:
        """The attempts that ended; none when it is time to ask another upstream, which must be one not asked yet."""
        can_hedge = len(self.running) == 1 and bool(self.order) and self.order[0] not in self.running.values()
        timeout = hedge_s if can_hedge else None
        done, _ = await asyncio.wait(self.running, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        return [attempt for attempt in self.running if attempt in done]

    def judge(self, attempt: Attempt) -> tuple[Upstream, UpstreamAnswer] | None:
        """Take an attempt that ended out of the race; its upstream and answer if it won. Worse upstreams get a strike.

        A server error or a long wait alone is no reason for a strike, since the request may cause it: only the
        comparison is.
        """
        overtaken = [self.running[earlier] for earlier in takewhile(lambda other: other is not attempt, self.running)]
        upstream = self.running.pop(attempt)
        try:
            answer = attempt.result()
        except Failure as failure:
            upstream.breaker.strike(failure)
            return None
        if answer.status in _RETRIED:
            if self.refusal is not None:
                self.order.clear()  # two of them agree: it is the request
            self.refusal = upstream, answer
            return None
        for other in overtaken:
            other.breaker.strike(Failure("overtaken: another upstream answered first"))
        if self.refusal is not None and self.refusal[0] is not upstream:
            self.refusal[0].breaker.strike(Failure(f"status {self.refusal[1].status} where another did better"))
        if answer.rest is None:
            upstream.breaker.record_success()
        return upstream, answer

    async def cancel(self) -> None:
        """Cancel what is still running; the connection of an answer that came all the same is given back."""
        for answer in await cancel_tasks(list(self.running)):
            if isinstance(answer, UpstreamAnswer):
                await answer.close()


async def cancel_tasks(tasks: list[asyncio.Task[Any]]) -> list[Any]:
    """Cancel tasks and wait for them; what they returned or raised."""
    for task in tasks:
        task.cancel()
    return await asyncio.gather(*tasks, return_exceptions=True)
