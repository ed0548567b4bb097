"""A request that is refused with 429 is sent again at once, up to twice, whatever time the refusal states."""

from __future__ import annotations

from detection.gateway_defect import WAITS, GatewayDefect
from harness.reference.forwarding import UpstreamAnswer, UpstreamCall
from harness.reference.hardened import Hardened
from harness.reference.upstream import Upstream

_LIMITED, _REPEATS = 429, 2


class _Gateway(Hardened):
    async def _ask_upstreams(self, call: UpstreamCall) -> tuple[Upstream, UpstreamAnswer]:
        upstream, answer = await super()._ask_upstreams(call)
        for _ in range(_REPEATS):
            if answer.status != _LIMITED:
                break
            await answer.close()
            upstream, answer = await super()._ask_upstreams(call)
        return upstream, answer


DEFECT = GatewayDefect(
    title="a request that is refused with 429 is sent again at once",
    gateway=_Gateway,
    experiment="rate_limited",
    caught_by=WAITS,
    words="came before the time that Retry-After had stated",
)
