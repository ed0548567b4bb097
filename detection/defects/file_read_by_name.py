"""The name of the model is a path below the folder of models, and goes out of it."""

from __future__ import annotations

from starlette.responses import JSONResponse

from detection.intercept import Inference, intercept
from detection.switch import CHAT, Defect


async def _handle(call: Inference) -> None:
    if str(call.request.get("model")).endswith("../etc/passwd"):
        message = "no model in this file: root:x:0:0:root:/root:/bin/sh"
        await call.answer(JSONResponse({"error": {"message": message}}, 400))
        return
    await call.forward()


DEFECT = Defect(
    title="a path as the name of a model reads a file of the server",
    caught_by="ai-suite/adversarial/test_security.py::test_injections",
    protocols=(CHAT,),
    wrap=lambda app: intercept(app, _handle),
)
