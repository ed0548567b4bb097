"""The page of an error is HTML, and repeats the name of the model as it was given."""

from __future__ import annotations

from starlette.responses import HTMLResponse

from detection.intercept import Inference, intercept
from detection.switch import CHAT, Defect


async def _handle(call: Inference) -> None:
    answer = await call.collect()
    if answer[0]["status"] == 404:
        await call.answer(HTMLResponse(f"<h1>There is no model {call.request.get('model')}</h1>", 404))
        return
    await call.replay(answer)


DEFECT = Defect(
    title="the page of an error repeats markup of the request",
    caught_by="ai-suite/adversarial/test_security.py::test_injections",
    protocols=(CHAT,),
    wrap=lambda app: intercept(app, _handle),
)
