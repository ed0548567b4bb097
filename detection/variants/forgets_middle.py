"""Reads a long message whole, counts it, and remembers no more of it than its beginning and its end."""

from __future__ import annotations

from copy import deepcopy

from starlette.types import ASGIApp

from detection.change_request import Object, list_turns
from detection.intercept import Inference, intercept
from detection.model_habits import forward_counted
from detection.switch import CHAT, Variant

_REMEMBERED = 5_000


def _forget(request: Object) -> Object:
    remembered = deepcopy(request)
    for turn in list_turns(remembered):
        text = turn.get("content")
        if isinstance(text, str) and len(text) > _REMEMBERED:
            turn["content"] = text[: _REMEMBERED // 2] + text[-_REMEMBERED // 2 :]
    return remembered


def _wrap(app: ASGIApp) -> ASGIApp:
    async def handle(call: Inference) -> None:
        await forward_counted(call, _forget(call.request))

    return intercept(app, handle)


VARIANT = Variant(
    name="forgets_middle",
    title="reads and counts all of a long message, and remembers its beginning and its end",
    protocols=(CHAT,),
    wrap=_wrap,
)
