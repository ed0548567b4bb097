"""An upstream that refuses the gateway's token (401) is never asked again: not even when the token is renewed."""

from __future__ import annotations

from detection.gateway_defect import RECOVERS, GatewayDefect
from harness.reference.api_error import ApiError
from harness.reference.forwarding import UpstreamAnswer, UpstreamCall
from harness.reference.hardened import Hardened
from harness.reference.upstream import Limits, Upstream

_UNAUTHORISED = 401


class _Gateway(Hardened):
    def __init__(self, urls: list[str], limits: Limits | None = None) -> None:
        super().__init__(urls, limits)
        self._is_given_up = False

    async def _ask_upstreams(self, call: UpstreamCall) -> tuple[Upstream, UpstreamAnswer]:
        if self._is_given_up:
            raise ApiError(_UNAUTHORISED, "the upstream refuses the token", "invalid_api_key")
        upstream, answer = await super()._ask_upstreams(call)
        self._is_given_up = answer.status == _UNAUTHORISED
        return upstream, answer


DEFECT = GatewayDefect(
    title="after a 401 of an upstream every request is refused, for good",
    gateway=_Gateway,
    experiment="token_refused",
    caught_by=RECOVERS,
    words="no steady state again",
)
