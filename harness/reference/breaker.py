"""The circuit breaker of one upstream."""

from __future__ import annotations

from enum import StrEnum


class Failure(Exception):
    """An attempt that gave no answer, or only a part of one. `weight` 2 opens the breaker at once."""

    def __init__(self, reason: str, weight: float = 1.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.weight = weight


class State(StrEnum):
    """Of a circuit breaker: requests pass, none do, or only probes do."""

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

    def success(self) -> None:
        """A client's request was answered well."""
        self.score *= 0.8

    def strike(self, failure: Failure) -> None:
        """An attempt failed, or another upstream did better."""
        self.last_reason = failure.reason
        self.score += failure.weight
        if self.state is State.CLOSED and self.score >= 2:
            self.state = State.OPEN
            self.ejections += 1

    def probing(self) -> None:
        """A probe goes out."""
        if self.state is State.OPEN:
            self.state, self._good_probes = State.HALF_OPEN, 0

    def probed(self, failure: Failure | None) -> None:
        """A probe came back."""
        if failure is not None and self.state is State.HALF_OPEN:
            self.state, self.last_reason = State.OPEN, failure.reason
        elif failure is not None:
            self.strike(failure)
        elif self.state is State.HALF_OPEN:
            self._good_probes += 1
            if self._good_probes >= 2:
                self.state, self.score = State.CLOSED, 0.0
