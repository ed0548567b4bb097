"""One request at a time, and whatever comes waits its turn: under overload each waits longer than the one before."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from detection.gateway_defect import SHEDS, GatewayDefect
from harness.reference.forwarding import UpstreamAnswer, UpstreamCall
from harness.reference.hardened import Hardened
from harness.reference.upstream import Limits, Upstream

_WORK_S = 0.1


class _Gateway(Hardened):
    def __init__(self, urls: list[str], limits: Limits | None = None) -> None:
        super().__init__(urls, replace(limits or Limits(), in_flight=100_000))
        self._line = asyncio.Lock()

    async def _ask_upstreams(self, call: UpstreamCall) -> tuple[Upstream, UpstreamAnswer]:
        async with self._line:
            await asyncio.sleep(_WORK_S)
        return await super()._ask_upstreams(call)


DEFECT = GatewayDefect(
    title="overload is taken without a bound: everybody waits, and nobody is told",
    gateway=_Gateway,
    experiment="overload_step",
    caught_by=SHEDS,
    words="the queue grows",
)
