"""No deadline at all: an upstream that is silent is waited for as long as it takes."""

from __future__ import annotations

from detection.gateway_defect import OBJECTIVE, GatewayDefect, RoundRobin
from harness.reference.upstream import Limits

_NEVER = 1e6


class _Gateway(RoundRobin):
    def __init__(self, urls: list[str], limits: Limits | None = None) -> None:
        super().__init__(urls, Limits(hedge=_NEVER, first=_NEVER, gap=_NEVER, total=_NEVER, probe=_NEVER))


DEFECT = GatewayDefect(
    title="a silent upstream is waited for without a deadline",
    gateway=_Gateway,
    experiment="one_silent",
    caught_by=OBJECTIVE,
    words="took longer than",
)
