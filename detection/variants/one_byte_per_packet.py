"""Every byte is a packet of its own: whoever takes one read for one event or one body sees it now."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from detection.switch import Variant
from detection.wire import WirePart


async def _wire(parts: AsyncIterator[WirePart]) -> AsyncIterator[WirePart]:
    async for part in parts:
        for at in range(len(part.data)):
            yield part._replace(data=part.data[at : at + 1])
            await asyncio.sleep(0)


VARIANT = Variant(title="answers are sent a byte at a time", wire=_wire)
