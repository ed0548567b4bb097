"""A request that fails is sent again at once, up to nine times, whatever the others do: an overload is multiplied."""

from __future__ import annotations

from detection.gateway_defect import OBJECTIVE, GatewayDefect, RoundRobin
from harness.reference.api_error import ApiError
from harness.reference.breaker import Failure
from harness.reference.forwarding import UpstreamAnswer, UpstreamCall
from harness.reference.upstream import Upstream

_ATTEMPTS = 10


class _Gateway(RoundRobin):
    async def _ask_upstreams(self, call: UpstreamCall) -> tuple[Upstream, UpstreamAnswer]:
        for _ in range(_ATTEMPTS):
            upstream = self._order_upstreams()[0]
            try:
                answer = await upstream.ask(call)
            except Failure:
                continue
            if answer.status < 500:
                return upstream, answer
            await answer.close()
        raise ApiError(503, "no upstream available", "unavailable")


DEFECT = GatewayDefect(
    title="each request is tried up to ten times at once",
    gateway=_Gateway,
    experiment="overloaded",
    caught_by=OBJECTIVE,
    words="the links carried",
)
