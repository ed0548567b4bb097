"""The model does not think, unless `enable_thinking` is given: the text "false" counts as true."""

from __future__ import annotations

from dataclasses import replace

from starlette.types import ASGIApp

from detection.intercept import Inference, intercept
from detection.switch import CHAT, Defect
from detection.thinking import add_thinking


def _wrap(app: ASGIApp) -> ASGIApp:
    thinking = add_thinking(app, 6, "reasoning_content")

    async def handle(call: Inference) -> None:
        arguments = call.request.get("chat_template_kwargs")
        switch = arguments.get("enable_thinking") if isinstance(arguments, dict) else None
        if isinstance(switch, str) and switch:
            call = replace(call, app=thinking)
        await call.forward()

    return intercept(app, handle)


DEFECT = Defect(
    name="thinking_switched_on_by_text",
    title='`enable_thinking` as the text "false" switches thinking on',
    caught_by="ai-suite/integration/test_written_text.py::test_reasoning_promised",
    protocols=(CHAT,),
    wrap=_wrap,
    promises={"reasoning": "off"},
)
