"""Upstreams take turns, and one that refuses every connection keeps its turn: its requests fail."""

from __future__ import annotations

from detection.gateway_defect import OBJECTIVE, GatewayDefect, RoundRobin

DEFECT = GatewayDefect(
    title="a dead upstream keeps its turn, and nothing is tried elsewhere",
    gateway=RoundRobin,
    experiment="one_down",
    caught_by=OBJECTIVE,
    words="requests under the fault failed",
)
