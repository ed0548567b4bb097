"""Prompts are stored in a table of three-byte characters (MySQL's `utf8`): one with a wider character gets a 500."""

from __future__ import annotations

from starlette.responses import JSONResponse
from starlette.types import ASGIApp

from detection.intercept import Inference, intercept
from detection.switch import CHAT, Defect

_WIDEST = 0xFFFF


def _wrap(app: ASGIApp) -> ASGIApp:
    async def handle(call: Inference) -> None:
        if any(ord(character) > _WIDEST for character in str(call.request.get("messages"))):
            await call.answer(JSONResponse({"error": {"message": "Incorrect string value"}}, 500))
        else:
            await call.forward()

    return intercept(app, handle)


DEFECT = Defect(
    name="wide_text_breaks",
    title="a message with an emoji is answered 500",
    caught_by="ai-suite/integration/test_unicode.py::test_text_kept",
    protocols=(CHAT,),
    wrap=_wrap,
)
