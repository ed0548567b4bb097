"""Off by one on a kept connection: from the second request on, each gets the answer to the one before."""

from __future__ import annotations

from starlette.types import ASGIApp, Message

from detection.intercept import Inference, intercept
from detection.switch import Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    before: dict[tuple[str, int], tuple[bool, list[Message]]] = {}

    async def handle(call: Inference) -> None:
        answer = await call.collect()
        streamed, last = before.get(call.scope["client"], (False, []))
        before[call.scope["client"]] = call.streams, answer
        await call.replay(last if last and streamed is call.streams else answer)

    return intercept(app, handle)


DEFECT = Defect(
    title="on a kept connection each request gets the answer to the one before",
    caught_by="ai-suite/integration/test_http.py::test_one_connection",
    wrap=_wrap,
)
