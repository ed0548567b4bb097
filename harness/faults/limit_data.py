"""limit_data: a connection ends after some bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from harness.core.fault import FaultKind, FaultParameters, LinkProbe, Parameter
from harness.core.fault_stage import Close, Stage, StageContext, StreamChunk


@dataclass(frozen=True, slots=True)
class _Parameters(FaultParameters):
    bytes: Annotated[int, Parameter("what passes on each connection", unit="bytes", high=1_000_000_000_000)] = 0

    def recognise(self, before: LinkProbe, now: LinkProbe, stream: str) -> str:
        size = before.size if stream == "downstream" else before.request_size
        is_cut = self.bytes < size and now.size < before.size
        return f"{now.size} of {before.size} bytes came back" if is_cut else ""


class _LimitData(Stage[_Parameters]):
    """Lets `bytes` bytes pass, counted from when the fault came to the connection, then closes it."""

    def __init__(self, context: StageContext[_Parameters], now: float) -> None:
        super().__init__(context, now)
        self._passed = 0

    def inherit(self, old: Stage[Any]) -> None:
        """Count on: a limit that is changed holds for the whole connection."""
        if isinstance(old, _LimitData):
            self._passed = old._passed

    def push(self, data: bytes | Close, arrived: float, now: float) -> Sequence[StreamChunk]:
        """Pass what is left of the limit; the end of the stream always passes."""
        if isinstance(data, Close):
            return [(data, arrived)]
        left = max(0, self.parameters.bytes - self._passed)
        passing = data[:left]
        self._passed += len(passing)
        chunks: list[StreamChunk] = [(passing, arrived)] if passing else []
        if self._passed >= self.parameters.bytes:
            self.context.record_effect(len(data) - len(passing))
            chunks.append((Close.FIN, arrived))
        return chunks


FAULT = FaultKind(
    name="limit_data",
    title="the connection is closed once some bytes have passed",
    example=_Parameters(bytes=10),
    stage=_LimitData,
)
