"""What fails in the handler is answered 200 with a code of its own inside (DJL #2490)."""

from __future__ import annotations

from starlette.responses import JSONResponse

from detection.intercept import Inference, intercept
from detection.switch import PLAIN, V2, Defect

_BODY = {"code": 424, "type": "TranslateException", "message": "the handler has raised an exception"}


async def _handle(call: Inference) -> None:
    messages = await call.collect()
    if messages[0]["status"] in (400, 422) and call.request:
        await call.answer(JSONResponse(_BODY))
    else:
        await call.replay(messages)


DEFECT = Defect(
    title="what the handler refuses is answered 200 with the code 424 inside",
    caught_by="ai-suite/integration/test_bad_inputs.py::test_survives",
    protocols=(PLAIN, V2),
    wrap=lambda app: intercept(app, _handle),
)
