"""A template that cannot write the tools of some requests: the model calls them without having read what they are."""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import ASGIApp

from detection.change_request import Object
from detection.intercept import Inference, intercept
from detection.model_habits import forward_counted_as


def leave_tools_unread(app: ASGIApp, is_lost: Callable[[Object], bool] = lambda request: True) -> ASGIApp:
    """Count no tokens of the tools where `is_lost` holds for the request; its calls are made as usual."""

    async def handle(call: Inference) -> None:
        if call.request.get("tools") and is_lost(call.request):
            bare = {name: value for name, value in call.request.items() if name not in ("tools", "tool_choice")}
            await forward_counted_as(call, bare)
        else:
            await call.forward()

    return intercept(app, handle)
