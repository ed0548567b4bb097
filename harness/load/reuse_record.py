"""Whether connections can be used again: some services end each after its answer without saying so. Pure."""

from __future__ import annotations

SOON = 0.5
"""Seconds after an answer within which a service that keeps connections alive ends none unannounced."""


class ReuseRecord:
    """Counts how idle connections fared: `carried` answers came over one that had carried an answer before, and
    `ended` times the service ended one `SOON` after its answer, although it had not announced that.
    """

    def __init__(self) -> None:
        self.carried = self.ended = 0

    def add_end(self, idle: float) -> None:
        """The service has ended a connection that was idle for so many seconds."""
        self.ended += idle < SOON

    def may_reuse(self, idle: float) -> bool:
        """Whether a connection that is idle for so many seconds is one that the service keeps.

        A request that is sent as the service ends the connection is lost. So after ends that outnumber the answers
        over used connections, only one that is still there when the others had ended is used.
        """
        return self.carried >= self.ended or idle > SOON
