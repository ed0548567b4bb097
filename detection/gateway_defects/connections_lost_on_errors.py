"""Each request that fails keeps its connection of the pool: after some failures none is left, and nobody is served."""

from __future__ import annotations

from detection.gateway_defect import RECOVERS, GatewayDefect
from harness.reference.api_error import ApiError
from harness.reference.forwarding import UpstreamAnswer, UpstreamCall
from harness.reference.hardened import Hardened
from harness.reference.upstream import Limits, Upstream

_POOL = 8


class _Gateway(Hardened):
    def __init__(self, urls: list[str], limits: Limits | None = None) -> None:
        super().__init__(urls, limits)
        self._free = _POOL

    async def _ask_upstreams(self, call: UpstreamCall) -> tuple[Upstream, UpstreamAnswer]:
        if not self._free:
            raise ApiError(503, "no connection is free", "unavailable")
        try:
            return await super()._ask_upstreams(call)
        except ApiError:
            self._free -= 1
            raise


DEFECT = GatewayDefect(
    title="a request that fails never gives its connection back to the pool",
    gateway=_Gateway,
    experiment="both_down",
    caught_by=RECOVERS,
    words="no steady state again",
)
