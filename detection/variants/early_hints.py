"""An interim answer, 103, comes before the real one (RFC 8297): clients must skip what they do not know."""

from __future__ import annotations

from collections.abc import AsyncIterator

from detection.switch import Variant
from detection.wire import WirePart

_HINTS = b"HTTP/1.1 103 Early Hints\r\nlink: </model>; rel=preload\r\n\r\n"


async def _wire(parts: AsyncIterator[WirePart]) -> AsyncIterator[WirePart]:
    async for part in parts:
        if part.first and not part.data.startswith(b"HTTP/1.1 1") and part.scope.get("http_version") == "1.1":
            part = part._replace(data=_HINTS + part.data)
        yield part


VARIANT = Variant(title="an interim answer (103) comes before each answer", wire=_wire)
