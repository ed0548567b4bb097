"""The prompt is counted with its system messages, and reaches the model without them."""

from __future__ import annotations

from detection.change_request import list_turns
from detection.intercept import Inference, intercept
from detection.model_habits import forward_counted
from detection.switch import CHAT, Defect


async def _handle(call: Inference) -> None:
    turns = [turn for turn in list_turns(call.request) if turn.get("role") != "system"]
    await forward_counted(call, {**call.request, "messages": turns} if turns else call.request)


DEFECT = Defect(
    title="system messages are counted and do not reach the model",
    caught_by="ai-suite/integration/test_conversation.py::test_messages",
    protocols=(CHAT,),
    wrap=lambda app: intercept(app, _handle),
)
