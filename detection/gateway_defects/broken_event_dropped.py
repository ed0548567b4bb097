"""An event of a stream that is no JSON is left out, and the stream goes on as if nothing were missing."""

from __future__ import annotations

import re

from detection.gateway_defect import INTACT, GatewayDefect
from harness.reference.hardened import Hardened
from harness.reference.upstream import Limits, Upstream, is_readable

_EVENT = re.compile(rb".*?\n\n", re.DOTALL)


class _Upstream(Upstream):
    def check_events(self, events: bytes) -> bytes:
        return b"".join(event for event in _EVENT.findall(events) if is_readable(event[:-2]))


class _Gateway(Hardened):
    def __init__(self, urls: list[str], limits: Limits | None = None) -> None:
        super().__init__(urls, limits)
        self.upstreams = [_Upstream(url, self.limits) for url in urls]


DEFECT = GatewayDefect(
    title="an event that cannot be read is left out of a stream",
    gateway=_Gateway,
    experiment="events_broken",
    caught_by=INTACT,
    words="is missing",
)
