"""The worker dies in mid-answer: half of the body, then a reset."""

from __future__ import annotations

from collections.abc import AsyncIterator

from detection.change_answer import is_inference
from detection.switch import Defect
from detection.wire import ResetLineError, WirePart


async def _wire(parts: AsyncIterator[WirePart]) -> AsyncIterator[WirePart]:
    async for part in parts:
        if part.first or not part.scope or not is_inference(part.scope):
            yield part
            continue
        yield part._replace(data=part.data[: len(part.data) // 2])
        raise ResetLineError


DEFECT = Defect(
    title="every inference's answer breaks off in its middle, with a reset",
    caught_by="ai-suite/smoke/test_answer.py::test_valid",
    wire=_wire,
)
