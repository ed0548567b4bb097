"""Attempts at one call: one after another when they fail, one beside another when they are slow."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from harness.reference.breaker import Failure
from harness.reference.forwarding import UpstreamAnswer, UpstreamCall
from harness.reference.upstream import Upstream

_RETRIED = {500, 502, 503, 504}


@dataclass(eq=False, slots=True)
class Attempt:
    """One upstream's answer in the making."""

    upstream: Upstream
    task: asyncio.Task[UpstreamAnswer]


class Race:
    """The attempts at one call. `refused` is an answer with a server error, kept in case nothing better comes."""

    def __init__(self, call: UpstreamCall, order: list[Upstream]) -> None:
        self.call = call
        self.order = order
        self.running: list[Attempt] = []
        self.refused: tuple[Upstream, UpstreamAnswer] | None = None

    def launch(self) -> None:
        """Start the next attempt."""
        upstream = self.order.pop(0)
        self.running.append(Attempt(upstream, asyncio.create_task(upstream.ask(self.call))))

    async def wait(self, hedge_s: float) -> list[Attempt]:
        """The attempts that ended; none when it is time for another upstream, which needs one that is not asked yet."""
        asked = [each.upstream for each in self.running]
        spare = len(asked) == 1 and bool(self.order) and self.order[0] not in asked
        tasks = [each.task for each in self.running]
        done, _ = await asyncio.wait(tasks, timeout=hedge_s if spare else None, return_when=asyncio.FIRST_COMPLETED)
        return [each for each in self.running if each.task in done]

    def settled(self, attempt: Attempt) -> bool:
        """Take an attempt that ended out of the race; whether it won. Whoever it shows to be worse gets a strike.

        A server error or a long wait alone blames nobody, since it may be the request's: only the comparison does.
        """
        place = self.running.index(attempt)
        self.running.remove(attempt)
        error = attempt.task.exception()
        if isinstance(error, Failure):
            attempt.upstream.breaker.strike(error)
            return False
        if error is not None:
            raise error
        answer = attempt.task.result()
        if answer.status in _RETRIED:
            if self.refused is not None:
                self.order.clear()  # two of them agree: it is the request
            self.refused = attempt.upstream, answer
            return False
        for overtaken in self.running[:place]:
            overtaken.upstream.breaker.strike(Failure("overtaken: another upstream answered first"))
        if self.refused is not None and self.refused[0] is not attempt.upstream:
            self.refused[0].breaker.strike(Failure(f"status {self.refused[1].status} where another did better"))
        if answer.rest is None:
            attempt.upstream.breaker.success()
        return True

    async def cancel(self) -> None:
        """End what is still running; an answer that came all the same gives its connection back."""
        tasks = [each.task for each in self.running]
        for answer in await cancel_tasks(tasks):
            if isinstance(answer, UpstreamAnswer):
                await answer.close()


async def cancel_tasks(tasks: list[asyncio.Task[Any]]) -> list[Any]:
    """Cancel tasks and wait for them; what they returned or raised."""
    for task in tasks:
        task.cancel()
    return await asyncio.gather(*tasks, return_exceptions=True)
