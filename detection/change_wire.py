"""The tools of the switches below HTTP."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

from detection.change_answer import is_inference
from detection.wire import Wire, WirePart

_LENGTH = re.compile(rb"(?i)(\r\ncontent-length: )(\d+)")


def change_length(by: int) -> Wire:
    """Add to the content-length that an inference's answer announces; the body stays."""

    async def wire(parts: AsyncIterator[WirePart]) -> AsyncIterator[WirePart]:
        async for part in parts:
            if part.first and part.scope and is_inference(part.scope):
                head = _LENGTH.sub(lambda match: match[1] + b"%d" % max(0, int(match[2]) + by), part.data)
                part = part._replace(data=head)
            yield part

    return wire


def join_chunks(data: bytes) -> bytes:
    """What is in the chunks that the server wrote at once; the last, empty one is left out."""
    content = b""
    while data:
        size, _, rest = data.partition(b"\r\n")
        length = int(size, 16)
        content += rest[:length]
        data = rest[length + 2 :]
    return content
