"""A tool's definition is kept by its name while it is in use: another request's of that name is taken for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from detection.change_request import Object
from detection.intercept import Inference, intercept_busy
from detection.switch import CHAT, Defect

_OVERLAP_S = 0.03


async def _handle(call: Inference, under_way: Sequence[Inference]) -> None:
    await asyncio.sleep(_OVERLAP_S)
    in_use: Object = {}
    for other in under_way:
        for tool in other.request.get("tools") or ():
            in_use.setdefault(tool["function"]["name"], tool)
    if call.request.get("tools"):
        tools = [in_use[tool["function"]["name"]] for tool in call.request["tools"]]
        await call.forward(json.dumps({**call.request, "tools": tools}).encode())
    else:
        await call.forward()
    await asyncio.sleep(_OVERLAP_S)


DEFECT = Defect(
    title="a tool of a name that another request uses meanwhile has that one's schema",
    caught_by="ai-suite/integration/test_own_calls.py::test_own_calls",
    protocols=(CHAT,),
    promises={"tools": True},
    wrap=lambda app: intercept_busy(app, _handle),
)
