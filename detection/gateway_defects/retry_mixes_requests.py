"""A retry sends the newest request of anybody in place of the one that failed: answers go to the wrong client."""

from __future__ import annotations

from detection.gateway_defect import INTACT, GatewayDefect, RoundRobin, is_stream_call
from harness.reference.api_error import ApiError
from harness.reference.breaker import Failure
from harness.reference.forwarding import UpstreamAnswer, UpstreamCall
from harness.reference.upstream import Limits, Upstream


class _Gateway(RoundRobin):
    repeats = True

    def __init__(self, urls: list[str], limits: Limits | None = None) -> None:
        super().__init__(urls, limits)
        self._before: dict[tuple[str, bool], UpstreamCall] = {}

    async def _ask_upstreams(self, call: UpstreamCall) -> tuple[Upstream, UpstreamAnswer]:
        key = call.path, is_stream_call(call)
        other, self._before[key] = self._before.get(key, call), call
        first, second = self._order_upstreams()
        try:
            return first, await first.ask(call)
        except Failure:
            pass
        try:
            return second, await second.ask(other)
        except Failure:
            raise ApiError(503, "no upstream available", "unavailable") from None


DEFECT = GatewayDefect(
    title="a retry sends the request of another client",
    gateway=_Gateway,
    experiment="one_down",
    caught_by=INTACT,
    words="were wrong",
)
