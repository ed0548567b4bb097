"""What is too much is refused after three seconds in a queue: the client could have asked elsewhere long before."""

from __future__ import annotations

import asyncio

from detection.gateway_defect import SHEDS, GatewayDefect
from harness.reference.api_error import ApiError
from harness.reference.forwarding import UpstreamAnswer, UpstreamCall
from harness.reference.hardened import Hardened
from harness.reference.upstream import Limits, Upstream

_WORK_S, _WAIT_S = 0.1, 3.0


class _Gateway(Hardened):
    def __init__(self, urls: list[str], limits: Limits | None = None) -> None:
        super().__init__(urls, limits)
        self._line = asyncio.Lock()

    async def _ask_upstreams(self, call: UpstreamCall) -> tuple[Upstream, UpstreamAnswer]:
        try:
            await asyncio.wait_for(self._line.acquire(), _WAIT_S)
        except TimeoutError:
            raise ApiError(503, "overloaded", "unavailable", headers={"retry-after": "1"}) from None
        try:
            await asyncio.sleep(_WORK_S)
        finally:
            self._line.release()
        return await super()._ask_upstreams(call)


DEFECT = GatewayDefect(
    title="overload is refused after three seconds in a queue",
    gateway=_Gateway,
    experiment="overload_step",
    caught_by=SHEDS,
    words="refused late",
)
