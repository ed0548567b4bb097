"""A window slides over a prompt: of a long one the model reads the end, and the whole is counted."""

from __future__ import annotations

from copy import deepcopy

from detection.change_request import Object, list_turns
from detection.intercept import Inference, intercept
from detection.model_habits import forward_counted
from detection.switch import CHAT, Defect

_WINDOW = 6_000


def _shorten(request: Object) -> Object:
    shorter = deepcopy(request)
    for turn in list_turns(shorter):
        if isinstance(turn.get("content"), str):
            turn["content"] = turn["content"][-_WINDOW:]
    return shorter


async def _handle(call: Inference) -> None:
    await forward_counted(call, _shorten(call.request))


DEFECT = Defect(
    title=f"of a message of over {_WINDOW:,} characters only the end is read, and all is counted",
    caught_by="ai-suite/integration/test_long_prompts.py::test_facts",
    protocols=(CHAT,),
    wrap=lambda app: intercept(app, _handle),
)
