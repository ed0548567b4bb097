"""Without an upstream, the last good answer is served, to whatever request, and nothing says that it is stale."""

from __future__ import annotations

from dataclasses import replace

from detection.gateway_defect import INTACT, GatewayDefect, is_stream_call
from harness.reference.api_error import ApiError
from harness.reference.forwarding import UpstreamAnswer, UpstreamCall
from harness.reference.hardened import Hardened
from harness.reference.upstream import Limits, Upstream


class _Gateway(Hardened):
    def __init__(self, urls: list[str], limits: Limits | None = None) -> None:
        super().__init__(urls, limits)
        self._last: tuple[Upstream, UpstreamAnswer] | None = None

    async def _ask_upstreams(self, call: UpstreamCall) -> tuple[Upstream, UpstreamAnswer]:
        try:
            upstream, answer = await super()._ask_upstreams(call)
        except ApiError:
            if self._last is None or is_stream_call(call):
                raise
            return self._last
        if answer.rest is None and answer.status == 200 and call.path.endswith("/completions"):
            self._last = upstream, replace(answer, headers=list(answer.headers))
        return upstream, answer


DEFECT = GatewayDefect(
    title="without an upstream, the last answer to anybody is served as if it were fresh",
    gateway=_Gateway,
    experiment="both_down",
    caught_by=INTACT,
    words="were wrong",
)
