"""A breaker that has opened stays open: a probe that succeeds is ignored, and nothing is sent to an open upstream."""

from __future__ import annotations

from detection.gateway_defect import RECOVERS, GatewayDefect
from harness.reference.api_error import ApiError
from harness.reference.breaker import Breaker, Failure, State
from harness.reference.hardened import Hardened
from harness.reference.upstream import Limits, Upstream


class _Breaker(Breaker):
    def end_probe(self, failure: Failure | None) -> None:
        if self.state is State.HALF_OPEN:
            self.state = State.OPEN
        elif failure is not None:
            self.strike(failure)


class _Gateway(Hardened):
    def __init__(self, urls: list[str], limits: Limits | None = None) -> None:
        super().__init__(urls, limits)
        for upstream in self.upstreams:
            upstream.breaker = _Breaker()

    def _order_upstreams(self) -> list[Upstream]:
        if all(upstream.breaker.state is not State.CLOSED for upstream in self.upstreams):
            raise ApiError(503, "every breaker is open", "unavailable")
        return super()._order_upstreams()


DEFECT = GatewayDefect(
    title="a breaker that has opened never closes again",
    gateway=_Gateway,
    experiment="both_down",
    caught_by=RECOVERS,
    words="no steady state again",
)
