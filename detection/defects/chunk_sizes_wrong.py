"""Sizes of chunks are counted in characters, their data are bytes: a size is 1 too small."""

from __future__ import annotations

from collections.abc import AsyncIterator

from detection.change_wire import join_chunks
from detection.switch import CHAT, Defect
from detection.wire import WirePart


async def _wire(parts: AsyncIterator[WirePart]) -> AsyncIterator[WirePart]:
    chunked = False
    async for part in parts:
        if part.first:
            chunked = b"chunked" in part.data.lower()
        elif chunked and (data := join_chunks(part.data)):
            part = part._replace(data=b"%x\r\n%b\r\n" % (len(data) - 1, data))
        yield part


DEFECT = Defect(
    title="the chunks of streams are one byte longer than their sizes say",
    caught_by="ai-suite/smoke/test_stream.py::test_complete",
    protocols=(CHAT,),
    wire=_wire,
)
