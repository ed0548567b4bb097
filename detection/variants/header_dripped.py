"""The head of an answer comes in pieces, 10 ms apart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from detection.switch import Variant
from detection.wire import WirePart

_PIECE = 40


async def _wire(parts: AsyncIterator[WirePart]) -> AsyncIterator[WirePart]:
    async for part in parts:
        size = _PIECE if part.first else max(1, len(part.data))
        for start in range(0, len(part.data), size):
            if start:
                await asyncio.sleep(0.01)
            yield part._replace(data=part.data[start : start + size])


VARIANT = Variant(title="heads of answers come in pieces of 40 bytes", wire=_wire)
