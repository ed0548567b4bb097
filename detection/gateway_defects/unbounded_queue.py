"""One request at a time, and a queue without a bound before it: what waited during a fault is in the way long after."""

from __future__ import annotations

import asyncio

from detection.gateway_defect import RECOVERS, GatewayDefect
from harness.reference.forwarding import UpstreamAnswer, UpstreamCall
from harness.reference.hardened import Hardened
from harness.reference.upstream import Limits, Upstream

_WORK_S = 0.07


class _Gateway(Hardened):
    def __init__(self, urls: list[str], limits: Limits | None = None) -> None:
        super().__init__(urls, limits)
        self._line = asyncio.Lock()

    async def _ask_upstreams(self, call: UpstreamCall) -> tuple[Upstream, UpstreamAnswer]:
        async with self._line:
            await asyncio.sleep(_WORK_S)
            return await super()._ask_upstreams(call)


DEFECT = GatewayDefect(
    title="requests queue without a bound while an upstream is slow",
    gateway=_Gateway,
    experiment="both_slow",
    caught_by=RECOVERS,
    words="after the lift on",
)
