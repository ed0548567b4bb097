"""reset_peer: the connection is reset instead of carrying data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Annotated

from harness.core.fault import HOUR_MS, FaultKind, FaultParameters, LinkProbe, Parameter, recognise_outcome
from harness.core.fault_stage import Close, Stage, StageContext, StreamChunk


@dataclass(frozen=True, slots=True)
class _Parameters(FaultParameters):
    timeout: Annotated[int, Parameter("time from the first data to the reset", unit="ms", high=HOUR_MS)] = 0

    def expect_delay(self, before: LinkProbe, stream: str) -> float:
        return self.timeout / 1000

    def recognise(self, before: LinkProbe, now: LinkProbe, stream: str) -> str:
        return recognise_outcome("reset", before, now)


class _ResetPeer(Stage[_Parameters]):
    """Drops all data; `timeout` ms after the first data, or after the stream's end, both sockets are reset."""

    swallows_data = True

    def __init__(self, context: StageContext[_Parameters], now: float) -> None:
        super().__init__(context, now)
        self._is_running = False

    def push(self, data: bytes | Close, arrived: float, now: float) -> Sequence[StreamChunk]:
        """Drop data; the first starts the timer."""
        if not self._is_running:
            self._is_running = True
            self.due = now + self.parameters.timeout / 1000
        self.context.record_effect(len(data) if isinstance(data, bytes) else 0)
        return self.tick(now) if self.due <= now else []

    def tick(self, now: float) -> Sequence[StreamChunk]:
        """The reset."""
        self.due = inf
        return [(Close.RST, now)]


FAULT = FaultKind(
    name="reset_peer",
    title="the connection is reset (RST) in place of its first data",
    example=_Parameters(timeout=0),
    stage=_ResetPeer,
)
