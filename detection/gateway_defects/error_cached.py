"""An error is kept in the cache as if it were the answer: the same request gets it again when all is well."""

from __future__ import annotations

from detection.gateway_defect import RECOVERS, GatewayDefect
from harness.reference.api_error import ApiError
from harness.reference.forwarding import UpstreamAnswer, UpstreamCall
from harness.reference.hardened import Hardened
from harness.reference.upstream import Limits, Upstream


class _Gateway(Hardened):
    def __init__(self, urls: list[str], limits: Limits | None = None) -> None:
        super().__init__(urls, limits)
        self._errors: dict[bytes, ApiError] = {}

    async def _ask_upstreams(self, call: UpstreamCall) -> tuple[Upstream, UpstreamAnswer]:
        if call.body in self._errors:
            raise self._errors[call.body]
        try:
            return await super()._ask_upstreams(call)
        except ApiError as error:
            self._errors[call.body] = error
            raise


DEFECT = GatewayDefect(
    title="an error is cached: the same request gets it again after the fault",
    gateway=_Gateway,
    experiment="both_down",
    caught_by=RECOVERS,
    words="no steady state again",
)
