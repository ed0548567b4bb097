"""Names of headers are in capitals and have no blank after their colon (RFC 9112 section 5 allows both)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

from detection.switch import Variant
from detection.wire import WirePart

_NAME = re.compile(rb"\r\n([^:\r\n]+): ")


async def _wire(parts: AsyncIterator[WirePart]) -> AsyncIterator[WirePart]:
    async for part in parts:
        if part.first:
            part = part._replace(data=_NAME.sub(lambda match: b"\r\n" + match[1].upper() + b":", part.data))
        yield part


VARIANT = Variant(title="header names are in capitals, without a blank after them", wire=_wire)
