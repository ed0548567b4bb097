"""Streams are read to their end before the first byte is passed on: the client waits for all of it."""

from __future__ import annotations

from dataclasses import replace

from detection.gateway_defect import GatewayDefect
from harness.reference.api_error import ApiError
from harness.reference.breaker import Failure
from harness.reference.forwarding import UpstreamAnswer, UpstreamCall
from harness.reference.hardened import Hardened
from harness.reference.upstream import Upstream


class _Gateway(Hardened):
    async def _ask_upstreams(self, call: UpstreamCall) -> tuple[Upstream, UpstreamAnswer]:
        upstream, answer = await super()._ask_upstreams(call)
        if answer.rest is None:
            return upstream, answer
        body = answer.body
        try:
            async for events in answer.rest:
                body += events
        except Failure:
            raise ApiError(502, "the upstream broke off", "upstream_truncated") from None
        return upstream, replace(answer, body=body, rest=None)


DEFECT = GatewayDefect(
    title="streams are held back to their end and passed on in one piece",
    gateway=_Gateway,
    experiment="streams_flow",
    caught_by="ai-suite/load/test_objectives.py::test_objective",
    status="INCONCLUSIVE",
    words="the stream was held back and flushed",
)
