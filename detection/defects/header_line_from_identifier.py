"""The identifier of a request is decoded before it is repeated, so that it may bring header lines with it."""

from __future__ import annotations

from urllib.parse import unquote

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from detection.switch import Defect


def _outside(app: ASGIApp) -> ASGIApp:
    async def around(scope: Scope, receive: Receive, send: Send) -> None:
        given = Headers(scope=scope).get("x-request-id", "") if scope["type"] == "http" else ""
        lines = unquote(given).splitlines()[1:]

        async def add_lines(message: Message) -> None:
            for line in lines if message["type"] == "http.response.start" else ():
                name, _, text = line.partition(":")
                MutableHeaders(scope=message)[name.strip()] = text.strip()
            await send(message)

        await app(scope, receive, add_lines)

    return around


DEFECT = Defect(
    title="header lines hidden in a request's identifier come out in the answer",
    caught_by="ai-suite/adversarial/test_security.py::test_injections",
    outside=_outside,
)
