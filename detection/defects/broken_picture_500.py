"""A picture that cannot be read is an error of the server."""

from __future__ import annotations

import base64
import binascii

from starlette.responses import JSONResponse

from detection.intercept import Inference, intercept
from detection.switch import CHAT, Defect


async def _handle(call: Inference) -> None:
    if b'"image_url"' not in call.body:
        await call.forward()
        return
    try:
        content = call.request["messages"][-1]["content"]
        data = content[-1]["image_url"]["url"].partition("base64,")[2]
        assert base64.b64decode(data, validate=True).endswith(b"IEND\xaeB`\x82")
    except (binascii.Error, AssertionError, LookupError, TypeError):
        await call.answer(JSONResponse({"error": {"message": "internal error"}}, 500))
        return
    await call.forward()


DEFECT = Defect(
    title="a picture that cannot be read is answered with a 500",
    caught_by="ai-suite/adversarial/test_unreadable_media.py::test_refused",
    protocols=(CHAT,),
    wrap=lambda app: intercept(app, _handle),
)
