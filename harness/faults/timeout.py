"""timeout: data is dropped, and the connection closes when nothing more comes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Annotated

from harness.core.fault import HOUR_MS, FaultKind, FaultParameters, LinkProbe, Parameter, recognise_silence
from harness.core.fault_stage import Close, Stage, StageContext, StreamChunk


@dataclass(frozen=True, slots=True)
class _Parameters(FaultParameters):
    timeout: Annotated[int, Parameter("silence until the close; 0: never", unit="ms", high=HOUR_MS)] = 0

    def recognise(self, before: LinkProbe, now: LinkProbe, stream: str) -> str:
        return recognise_silence(before, now)


class _Timeout(Stage[_Parameters]):
    """Drops all data; `timeout` ms after the last, the connection is closed (FIN on both sides)."""

    swallows_data = True

    def __init__(self, context: StageContext[_Parameters], now: float) -> None:
        super().__init__(context, now)
        self._silence = self.parameters.timeout / 1000 or inf
        self.due = now + self._silence

    def push(self, data: bytes | Close, arrived: float, now: float) -> Sequence[StreamChunk]:
        """Drop data, which starts the timer again; the stream's own end passes."""
        if isinstance(data, Close):
            self.due = inf
            return [(data, arrived)]
        self.context.record_effect(len(data))
        self.due = now + self._silence
        return []

    def tick(self, now: float) -> Sequence[StreamChunk]:
        """The end of the connection."""
        self.due = inf
        self.context.record_effect(0)
        return [(Close.FIN, now)]


FAULT = FaultKind(
    name="timeout",
    title="data is dropped; the connection closes after a silence",
    example=_Parameters(timeout=0),
    stage=_Timeout,
)
