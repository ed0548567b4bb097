"""HTTP/1.0: no kept connection, no chunks; the connection ends with the answer (RFC 9112 section 6.3)."""

from __future__ import annotations

from collections.abc import AsyncIterator

from detection.change_wire import join_chunks
from detection.switch import Variant
from detection.wire import WirePart

_CHUNKED = b"\r\ntransfer-encoding: chunked"


async def _wire(parts: AsyncIterator[WirePart]) -> AsyncIterator[WirePart]:
    chunked = False
    async for part in parts:
        data = part.data
        if part.first:
            head = data.replace(b"Transfer-Encoding", b"transfer-encoding")
            chunked = _CHUNKED in head
            data = head.replace(_CHUNKED, b"").replace(b"HTTP/1.1", b"HTTP/1.0", 1)
            data = data.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
        elif chunked:
            data = join_chunks(data)
        yield part._replace(data=data)
        if part.last:
            return


VARIANT = Variant(title="HTTP/1.0: every answer ends with its connection", wire=_wire)
