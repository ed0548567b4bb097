"""Bad requests are answered with a page for people: a client that reads the error's JSON breaks on it."""

from __future__ import annotations

from starlette.responses import HTMLResponse

from detection.intercept import Inference, intercept
from detection.switch import Defect

_PAGE = "<!DOCTYPE html>\n<html><head><title>Bad Request</title></head><body><h1>Bad Request</h1></body></html>\n"


async def _handle(call: Inference) -> None:
    answer = await call.collect()
    status = answer[0]["status"]
    await (call.answer(HTMLResponse(_PAGE, status)) if 400 <= status < 500 else call.replay(answer))


DEFECT = Defect(
    title="bad requests are answered with an HTML page",
    caught_by="ai-suite/smoke/test_errors.py::test_one_shape",
    wrap=lambda app: intercept(app, _handle),
)
