"""When a stream breaks, another upstream is asked, and its whole answer follows what the client has already."""

from __future__ import annotations

from detection.gateway_defect import INTACT, FailingOver, GatewayDefect


class _Gateway(FailingOver):
    from_start = True


DEFECT = GatewayDefect(
    title="a stream that breaks is begun again from its start",
    gateway=_Gateway,
    experiment="streams_cut",
    caught_by=INTACT,
    words="begins again from the start",
)
