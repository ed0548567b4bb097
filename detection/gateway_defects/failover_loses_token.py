"""When a stream breaks, another upstream is asked, and its answer goes on one event too late: a token is lost."""

from __future__ import annotations

from detection.gateway_defect import INTACT, FailingOver, GatewayDefect


class _Gateway(FailingOver):
    offset = 1


DEFECT = GatewayDefect(
    title="a stream that breaks goes on one event too late",
    gateway=_Gateway,
    experiment="streams_cut",
    caught_by=INTACT,
    words="is missing",
)
