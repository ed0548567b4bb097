"""The engine's template cannot write the tools: the model calls them without having read what they are."""

from __future__ import annotations

import json

from starlette.types import Receive, Scope, Send

from detection.change_answer import change_answers
from detection.change_request import Object
from detection.intercept import Inference, intercept
from detection.model_habits import ask_usual
from detection.switch import CHAT, Defect


async def _handle(call: Inference) -> None:
    bare = {name: value for name, value in call.request.items() if name not in ("tools", "tool_choice")}
    asked = Inference(call.app, call.scope, call.receive, call.send, json.dumps(bare).encode())
    usual = await ask_usual(asked, 1) if call.request.get("tools") else None

    def change(answer: Object) -> None:
        if (usage := answer.get("usage")) and usual:
            usage["prompt_tokens"] = usual["usage"]["prompt_tokens"]
            usage["total_tokens"] = usage["prompt_tokens"] + usage["completion_tokens"]

    async def forward(scope: Scope, receive: Receive, send: Send) -> None:
        await call.forward(send=send)

    await change_answers(forward, change)(call.scope, call.receive, call.send)


DEFECT = Defect(
    title="the tools of a request do not reach the model",
    caught_by="ai-suite/integration/test_tools.py::test_usage_beside_tools",
    protocols=(CHAT,),
    wrap=lambda app: intercept(app, _handle),
    promises={"tools": True},
)
