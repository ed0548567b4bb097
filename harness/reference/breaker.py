"""The circuit breaker of one upstream."""

from __future__ import annotations

from enum import StrEnum


class Failure(Exception):
    """An attempt that gave no answer, or only a part of one. One of weight 2 opens the breaker at once."""

    def __init__(self, reason: str, weight: float = 1.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.weight = weight


class State(StrEnum):
    """The state of a circuit breaker: requests pass, nothing passes, or only probes pass."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """Opens on strikes, closes after two good probes in a row.

    A strike adds its weight and a success takes a fifth away, so that it opens after two failures in a row, or when
    about a third of the answers fail for a while; single failures among many successes never add up.
    """

    def __init__(self) -> None:
        self.state = State.CLOSED
        self.score = 0.0
        self.ejections = 0
        self.last_reason = ""
        self._good_probes = 0

    def record_success(self) -> None:
        """Record a good answer to a client's request."""
        self.score *= 0.8

    def strike(self, failure: Failure) -> None:
        """Record a failed attempt, or that another upstream did better."""
        self.last_reason = failure.reason
        self.score += failure.weight
        if self.state is State.CLOSED and self.score >= 2:
            self.state = State.OPEN
            self.ejections += 1

    def begin_probe(self) -> None:
        """Let a probe pass."""
        if self.state is State.OPEN:
            self.state, self._good_probes = State.HALF_OPEN, 0

    def end_probe(self, failure: Failure | None) -> None:
        """Record what a probe came to: its failure, or None."""
        if self.state is not State.HALF_OPEN:
            if failure is not None:
                self.strike(failure)
        elif failure is not None:
            self.state, self.last_reason = State.OPEN, failure.reason
        else:
            self._good_probes += 1
            if self._good_probes >= 2:
                self.state, self.score = State.CLOSED, 0.0
