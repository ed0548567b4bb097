"""Follow one exchange: its phase, the deadline that comes next, and the time stamps."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from harness.core.endpoint import Deadlines
from harness.core.errors import ErrorClass
from harness.core.exchange import Timing
from harness.io.clock import Clock


class Phase(Enum):
    """The phase of an exchange: its deadline, the error of passing it, and the state that a passed total names."""

    CONNECT = ErrorClass.CONNECT_TIMEOUT, "no connection within {:g} s (name, TCP and TLS)", "connecting"
    SEND = ErrorClass.TOTAL_TIMEOUT, "not finished within {:g} s", "the peer was still reading the request"
    WAIT = (
        ErrorClass.FIRST_BYTE_TIMEOUT,
        "no byte of the body within {:g} s of the request",
        "no byte of the body had come",
    )
    BODY = ErrorClass.INTER_TOKEN_TIMEOUT, "the answer fell silent for {:g} s", "the answer was still coming"

    def __init__(self, error: ErrorClass, message: str, during: str) -> None:
        self.deadline = error.removesuffix("_timeout")
        self.error, self.message, self.during = error, message, during


class DeadlineTimer:
    """Follows one exchange by httpcore's trace and keeps one timer set to the next deadline.

    httpx's own timeouts bound single reads, so that a peer which drips bytes outlasts them; it does not outlast this.
    """

    def __init__(self, deadlines: Deadlines, clock: Clock, intended: float | None) -> None:
        self._deadlines = deadlines
        self._clock = clock
        self._timer: asyncio.Timeout | None = None
        self._total_due = 0.0
        self._total_is_next = False
        self.phase = Phase.CONNECT
        self.step = ""
        self.is_new_connection = False
        self.is_http2 = False
        self._half_open: Any = None
        self.intended = clock.now() if intended is None else intended
        self.sent: float | None = None
        self.first_byte: float | None = None
        self.done: float | None = None

    def start(self, timer: asyncio.Timeout) -> None:
        """Set the timer, which has no time yet; the total deadline counts from here."""
        self._timer = timer
        self._total_due = asyncio.get_running_loop().time() + self._deadlines.total
        self._enter(Phase.CONNECT)

    def _enter(self, phase: Phase) -> None:
        assert self._timer is not None
        if self._timer.expired():
            return  # httpcore still traces while it cleans up
        self.phase = phase
        due = asyncio.get_running_loop().time() + self._get_limit()
        self._total_is_next = due >= self._total_due
        self._timer.reschedule(min(due, self._total_due))

    def _get_limit(self) -> float:
        return float(getattr(self._deadlines, self.phase.deadline))

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """httpcore's `trace` extension: `<layer>.<step>.<started|complete|failed>`."""
        layer, step, state = event.split(".")
        if state == "started" and self.phase is Phase.CONNECT:
            self.step = f"{layer}.{step}"
            self.is_new_connection = self.is_new_connection or step.startswith("connect_")
            # A CONNECT request is sent to the proxy: there is no connection to the service yet.
            if step == "send_request_headers" and info["request"].method != b"CONNECT":
                self.is_http2 = layer == "http2"
                self.mark_connected()
        elif self.phase is Phase.CONNECT and state == "complete" and step in ("connect_tcp", "start_tls"):
            self._half_open = info["return_value"] if step == "connect_tcp" else None
        elif self.phase is Phase.SEND and (state == "failed" or (step, state) == ("send_request_body", "complete")):
            # A failed send is not the end: a peer may refuse a long request early and answer all the same.
            self.mark_sent()

    def mark_connected(self) -> None:
        """A connection is open, and the request is being sent."""
        self.sent = self._clock.now()
        self._enter(Phase.SEND)

    def mark_sent(self) -> None:
        """The request is sent."""
        self._enter(Phase.WAIT)

    async def close_half_open(self) -> None:
        """Close what httpcore leaves open when it is cancelled inside a TLS handshake."""
        if self.phase is Phase.CONNECT and self._half_open is not None:
            await self._half_open.aclose()

    def stamp_piece(self) -> float:
        """Note that a piece of the body came; the time of its arrival."""
        now = self._clock.now()
        if self.first_byte is None:
            self.first_byte = now
        self._enter(Phase.BODY)
        return now

    def stamp_end(self) -> float:
        """Note that the response is complete; the time. An empty body has its first byte here."""
        self.done = self._clock.now()
        if self.first_byte is None:
            self.first_byte = self.done
        return self.done

    def describe_timeout(self) -> tuple[ErrorClass, str]:
        """The error class and detail of the deadline that ended the exchange, once the timer has expired."""
        phase, total = self.phase, self._deadlines.total
        if self._total_is_next:
            return ErrorClass.TOTAL_TIMEOUT, f"not finished within {total:g} s: {phase.during}"
        message = phase.message
        if phase is Phase.CONNECT and not self.is_new_connection:
            message = "no connection or stream was free within {:g} s"
        return phase.error, message.format(self._get_limit())

    def make_timing(self, tokens: Sequence[float], output: float | None) -> Timing:
        """The stamps of the exchange, with those of its content."""
        return Timing(self.intended, self.sent, self.first_byte, tuple(tokens), self.done, output)
