"""As `leak_on_abort`, with so many slots that nobody notices for a while: what is stated to be in flight shows it."""

from __future__ import annotations

import asyncio

from starlette.types import Receive, Scope, Send

from detection.gateway_defect import ABANDONED, GatewayDefect
from harness.reference.forwarding import UpstreamCall
from harness.reference.hardened import Hardened


class _Gateway(Hardened):
    async def _serve(self, call: UpstreamCall, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super()._serve(call, scope, receive, send)
        except asyncio.CancelledError:
            self.in_flight += 1
            raise


DEFECT = GatewayDefect(
    title="a client that leaves never gives its slot back, and there are many slots",
    gateway=_Gateway,
    experiment="aborts",
    caught_by=ABANDONED,
    words="keeps its place",
)
