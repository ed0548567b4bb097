"""Each attempt is given up after 750 ms and sent again, and its work goes on: a slow phase never ends.

The retries alone are more than the gateway can do, so that every attempt is late: 8 requests per second, 3 attempts,
20 per second, a queue of 256 (the numbers of SREGym's issue 946).
"""

from __future__ import annotations

import asyncio

from detection.gateway_defect import PULSE, GatewayDefect
from harness.reference.api_error import ApiError
from harness.reference.forwarding import UpstreamAnswer, UpstreamCall
from harness.reference.hardened import Hardened
from harness.reference.upstream import Limits, Upstream

_WORK_S, _PATIENCE_S, _ATTEMPTS, _QUEUE = 0.05, 0.75, 3, 256
_Attempt = asyncio.Task[tuple[Upstream, UpstreamAnswer]]


class MetastableRetries(Hardened):
    """The gateway, whose every attempt does its work, however late."""

    def __init__(self, urls: list[str], limits: Limits | None = None) -> None:
        super().__init__(urls, limits)
        self._line = asyncio.Lock()
        self._late: set[asyncio.Task[None]] = set()
        self._queued = 0

    async def _ask_upstreams(self, call: UpstreamCall) -> tuple[Upstream, UpstreamAnswer]:
        for _ in range(_ATTEMPTS):
            attempt = asyncio.create_task(self._attempt(call))
            done, _ = await asyncio.wait({attempt}, timeout=_PATIENCE_S)
            if done:
                return attempt.result()
            self._late.add(late := asyncio.create_task(_end(attempt)))
            late.add_done_callback(self._late.discard)
        raise ApiError(504, "no attempt was answered in time", "upstream_timeout")

    async def _attempt(self, call: UpstreamCall) -> tuple[Upstream, UpstreamAnswer]:
        if self._queued >= _QUEUE:
            raise ApiError(503, "the queue is full", "unavailable")
        self._queued += 1
        try:
            async with self._line:
                await asyncio.sleep(_WORK_S)
        finally:
            self._queued -= 1
        return await super()._ask_upstreams(call)


async def _end(attempt: _Attempt) -> None:
    try:
        _, answer = await attempt
    except ApiError:
        return
    await answer.close()


DEFECT = GatewayDefect(
    title="attempts that are late are repeated while their work goes on: a slow phase outlives its cause",
    gateway=MetastableRetries,
    experiment="slow_pulse",
    caught_by=PULSE,
    words="raised again, the load was carried as before",
)
