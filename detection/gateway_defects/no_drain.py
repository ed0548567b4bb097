"""A replica that is to end is killed: the answers that it was giving are cut."""

from __future__ import annotations

from detection.gateway_defect import DRAINS, GatewayDefect
from harness.reference.hardened import Hardened

DEFECT = GatewayDefect(
    title="replicas end without finishing what they have begun",
    gateway=Hardened,
    experiment="replica_ends",
    caught_by=DRAINS,
    words="that were on their way at the signals were lost",
    kills=True,
)
