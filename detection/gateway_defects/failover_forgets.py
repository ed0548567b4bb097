"""Every request goes to the first upstream; where it fails, the second one is sent the last message alone."""

from __future__ import annotations

import json
from dataclasses import replace

from detection.gateway_defect import INTACT, GatewayDefect, RoundRobin
from harness.reference.api_error import ApiError
from harness.reference.breaker import Failure
from harness.reference.forwarding import UpstreamAnswer, UpstreamCall
from harness.reference.upstream import Upstream


class _Gateway(RoundRobin):
    async def _ask_upstreams(self, call: UpstreamCall) -> tuple[Upstream, UpstreamAnswer]:
        first, second = self.upstreams
        try:
            return first, await first.ask(call)
        except Failure:
            pass
        try:
            return second, await second.ask(_forget_history(call))
        except Failure:
            raise ApiError(503, "no upstream available", "unavailable") from None


def _forget_history(call: UpstreamCall) -> UpstreamCall:
    if not call.path.endswith("/chat/completions"):
        return call
    body = json.loads(call.body)
    body["messages"] = body["messages"][-1:]
    return replace(call, body=json.dumps(body).encode())


DEFECT = GatewayDefect(
    title="a failover sends the last message of a conversation alone",
    gateway=_Gateway,
    experiment="one_down",
    caught_by=INTACT,
    words="has forgotten what an earlier message",
)
