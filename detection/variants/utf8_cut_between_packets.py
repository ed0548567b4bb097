"""Packets end in the middle of characters: TCP knows nothing of them, and their bytes are all there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from detection.switch import Variant
from detection.wire import WirePart


async def _wire(parts: AsyncIterator[WirePart]) -> AsyncIterator[WirePart]:
    async for part in parts:
        rest = part.data
        while (at := next((at for at in range(1, len(rest)) if rest[at] & 0xC0 == 0x80), 0)) > 0:
            yield part._replace(data=rest[:at])
            await asyncio.sleep(0.001)
            rest = rest[at:]
        yield part._replace(data=rest)


VARIANT = Variant(title="packets end in the middle of characters, nothing is lost", wire=_wire)
