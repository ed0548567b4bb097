"""Only the health page is asked whether an upstream is well: one whose model fails stays in turn."""

from __future__ import annotations

from detection.gateway_defect import OBJECTIVE, GatewayDefect, RoundRobin
from harness.reference.breaker import Breaker, Failure
from harness.reference.forwarding import UpstreamCall
from harness.reference.upstream import Limits, Upstream

_HEALTH = UpstreamCall("GET", "/health", b"/health", [], b"")


class _Upstream(Upstream):
    async def probe(self) -> Failure | None:
        try:
            answer = await self._ask(self._prober, _HEALTH)
        except Failure as failure:
            return failure
        return None if answer.status == 200 else Failure(f"the health page has status {answer.status}")


class _Gateway(RoundRobin):
    def __init__(self, urls: list[str], limits: Limits | None = None) -> None:
        super().__init__(urls, limits)
        self.upstreams = [_Upstream(url, self.limits) for url in urls]
        for upstream in self.upstreams:
            upstream.breaker = Breaker()

    def _order_upstreams(self) -> list[Upstream]:
        for upstream in self.upstreams:
            upstream.breaker.record_success()
        return super()._order_upstreams()


DEFECT = GatewayDefect(
    title="an upstream counts as well while its health page answers, whatever its model does",
    gateway=_Gateway,
    experiment="one_gray",
    caught_by=OBJECTIVE,
    words="requests under the fault failed",
)
