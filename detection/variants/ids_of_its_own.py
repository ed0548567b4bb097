"""Takes no id from a client: each answer has a fresh one, and the body states none."""

from __future__ import annotations

import uuid

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from detection.change_answer import change_answers
from detection.change_request import Object
from detection.switch import CHAT, PLAIN, V2, Variant


def _change(answer: Object) -> None:
    if "outputs" in answer:
        answer.pop("id", None)


def _outside(app: ASGIApp) -> ASGIApp:
    async def around(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_fresh(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["x-request-id"] = uuid.uuid4().hex
            await send(message)

        await app(scope, receive, send_fresh)

    return around


VARIANT = Variant(
    title="each answer has a fresh id, whatever id the request has",
    protocols=(PLAIN, V2, CHAT),
    wrap=lambda app: change_answers(app, _change),
    outside=_outside,
)
