"""Each answer is written to the connection twice: a client that keeps it reads the second one as the next answer."""

from __future__ import annotations

from collections.abc import AsyncIterator

from detection.change_answer import is_inference
from detection.switch import Defect
from detection.wire import WirePart


async def _wire(parts: AsyncIterator[WirePart]) -> AsyncIterator[WirePart]:
    sent = b""
    async for part in parts:
        sent = part.data if part.first else sent + part.data
        yield part
        if part.last and part.scope and is_inference(part.scope):
            yield part._replace(data=sent)


DEFECT = Defect(
    title="every inference's answer is sent twice on its connection",
    caught_by="ai-suite/integration/test_http.py::test_forms_answered_alike",
    wire=_wire,
)
