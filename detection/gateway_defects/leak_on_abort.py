"""A client that leaves in the middle of its stream keeps its slot: after some of them every request is shed."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from starlette.types import Receive, Scope, Send

from detection.gateway_defect import RECOVERS, GatewayDefect
from harness.reference.forwarding import UpstreamCall
from harness.reference.hardened import Hardened
from harness.reference.upstream import Limits

_SLOTS = 8


class _Gateway(Hardened):
    def __init__(self, urls: list[str], limits: Limits | None = None) -> None:
        super().__init__(urls, replace(limits or Limits(), in_flight=_SLOTS))

    async def _serve(self, call: UpstreamCall, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super()._serve(call, scope, receive, send)
        except asyncio.CancelledError:
            self.in_flight += 1
            raise


DEFECT = GatewayDefect(
    title="a client that leaves never gives its slot back",
    gateway=_Gateway,
    experiment="clients_leave",
    caught_by=RECOVERS,
    words="no steady state again",
)
