"""A stream that is silent for half a second is ended with a finish reason and the terminator, as if it were whole."""

from __future__ import annotations

from dataclasses import replace

from detection.gateway_defect import INTACT, GatewayDefect
from detection.gateway_defects.swallowed_error import SwallowingGateway
from harness.reference.upstream import Limits

_GAP_S = 0.5


class _Gateway(SwallowingGateway):
    def __init__(self, urls: list[str], limits: Limits | None = None) -> None:
        super().__init__(urls, replace(limits or Limits(), gap=_GAP_S))


DEFECT = GatewayDefect(
    title="a stream that stalls is ended as if it were whole",
    gateway=_Gateway,
    experiment="streams_stall",
    caught_by=INTACT,
    words="end is missing",
)
