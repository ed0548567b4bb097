"""Takes a limit of tokens under its older name, and a content that is a text; all else it refuses."""

from __future__ import annotations

from starlette.responses import JSONResponse

from detection.intercept import Inference, intercept
from detection.switch import CHAT, Variant

_ERROR = {"error": {"message": "not supported", "type": "invalid_request_error", "code": None, "param": None}}


async def _handle(call: Inference) -> None:
    messages = call.request.get("messages")
    has_parts = isinstance(messages, list) and any(
        isinstance(message, dict) and isinstance(message.get("content"), list) for message in messages
    )
    if has_parts or "max_completion_tokens" in call.request:
        await call.answer(JSONResponse(_ERROR, 400))
    else:
        await call.forward()


VARIANT = Variant(
    title="other spellings than the plain one are refused",
    protocols=(CHAT,),
    wrap=lambda app: intercept(app, _handle),
)
