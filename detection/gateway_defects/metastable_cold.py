"""Only answers in time keep the gateway warm, and a cold one is too slow to answer in time: a slow phase never ends.

Less can be done because too much has to be done, as where a cache is filled by requests that their clients still await.
"""

from __future__ import annotations

import asyncio

from detection.gateway_defect import PULSE, GatewayDefect
from harness.reference.api_error import ApiError
from harness.reference.forwarding import UpstreamAnswer, UpstreamCall
from harness.reference.hardened import Hardened
from harness.reference.upstream import Limits, Upstream

_WARM_S, _COLD_S, _IN_TIME_S, _KEPT_S, _QUEUE = 0.04, 0.2, 0.75, 3.0, 40
"""Seconds of work on a request, in which it must be done, and for which the warmth is kept; requests that may wait."""


class MetastableCold(Hardened):
    """The gateway, which handles one request at a time."""

    def __init__(self, urls: list[str], limits: Limits | None = None) -> None:
        super().__init__(urls, limits)
        self._line = asyncio.Lock()
        self._queued = 0
        self._warmed = 0.0

    async def _ask_upstreams(self, call: UpstreamCall) -> tuple[Upstream, UpstreamAnswer]:
        if self._queued >= _QUEUE:
            raise ApiError(503, "the queue is full", "unavailable", headers={"retry-after": "1"})
        loop = asyncio.get_running_loop()
        came, self._queued = loop.time(), self._queued + 1
        try:
            async with self._line:
                is_warm = loop.time() - self._warmed < _KEPT_S
                await asyncio.sleep(_WARM_S if is_warm else _COLD_S)
                result = await super()._ask_upstreams(call)
                if loop.time() - came < _IN_TIME_S:
                    self._warmed = loop.time()
                return result
        finally:
            self._queued -= 1


DEFECT = GatewayDefect(
    title="what makes the gateway fast is kept by answers in time alone: after a slow phase none is",
    gateway=MetastableCold,
    experiment="slow_pulse",
    caught_by=PULSE,
    words="raised again, the load was carried as before",
)
