"""Requests sent before the last one was answered are answered as they get done: the second one first."""

from __future__ import annotations

from collections.abc import AsyncIterator

from detection.switch import Defect
from detection.wire import WirePart


async def _wire(parts: AsyncIterator[WirePart]) -> AsyncIterator[WirePart]:
    answer: list[WirePart] = []
    waiting: list[WirePart] = []
    async for part in parts:
        answer.append(part)
        if not part.last:
            continue
        if part.more and not waiting:
            waiting, answer = answer, []
            continue
        for written in [*answer, *waiting]:
            yield written
        answer, waiting = [], []


DEFECT = Defect(
    title="of two pipelined requests, the second one's answer comes first",
    caught_by="ai-suite/integration/test_http.py::test_one_connection",
    wire=_wire,
)
