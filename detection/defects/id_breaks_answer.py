"""The id of an inference is copied into a header line, which is Latin-1: any other id is answered 500 (MLServer)."""

from __future__ import annotations

from starlette.responses import JSONResponse
from starlette.types import ASGIApp

from detection.intercept import Inference, intercept
from detection.switch import V2, Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    async def handle(call: Inference) -> None:
        id_ = str(call.request.get("id", ""))
        try:
            id_.encode("latin-1")
        except UnicodeEncodeError:
            await call.answer(JSONResponse({"error": "Internal Server Error"}, 500))
            return
        await call.forward()

    return intercept(app, handle)


DEFECT = Defect(
    name="id_breaks_answer",
    title="an id outside Latin-1 is answered 500",
    caught_by="ai-suite/integration/test_unicode.py::test_id",
    protocols=(V2,),
    wrap=_wrap,
)
