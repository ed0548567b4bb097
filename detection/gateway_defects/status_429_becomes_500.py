"""A refusal of an upstream (429, Retry-After) comes to the client as 500: it is not told to wait."""

from __future__ import annotations

from detection.gateway_defect import OBJECTIVE, GatewayDefect
from harness.reference.api_error import ApiError
from harness.reference.forwarding import UpstreamAnswer, UpstreamCall
from harness.reference.hardened import Hardened
from harness.reference.upstream import Upstream

_TOO_MANY = 429


class _Gateway(Hardened):
    async def _ask_upstreams(self, call: UpstreamCall) -> tuple[Upstream, UpstreamAnswer]:
        upstream, answer = await super()._ask_upstreams(call)
        if answer.status == _TOO_MANY:
            await answer.close()
            raise ApiError(500, "internal server error", "internal_error")
        return upstream, answer


DEFECT = GatewayDefect(
    title="a 429 of an upstream becomes a 500",
    gateway=_Gateway,
    experiment="rate_limited",
    caught_by=OBJECTIVE,
    words="were answered with status 500",
)
