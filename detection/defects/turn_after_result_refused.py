"""Roles must alternate: a message of the user that follows the result of a tool is refused."""

from __future__ import annotations

from itertools import pairwise

from starlette.responses import JSONResponse

from detection.change_request import list_roles
from detection.intercept import Inference, intercept
from detection.switch import CHAT, Defect

_ERROR = {"error": {"message": "unexpected role 'user' after role 'tool'", "type": "invalid_request_error"}}


async def _handle(call: Inference) -> None:
    if ("tool", "user") in pairwise(list_roles(call.request)):
        await call.answer(JSONResponse(_ERROR, 400))
    else:
        await call.forward()


DEFECT = Defect(
    title="a message of the user after the result of a tool is refused",
    caught_by="ai-suite/integration/test_tools.py::test_goes_on",
    protocols=(CHAT,),
    promises={"tools": True},
    wrap=lambda app: intercept(app, _handle),
)
