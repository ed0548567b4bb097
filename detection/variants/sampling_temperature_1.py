"""Temperature and seed are what the server has them be: the same prompt has another text each time."""

from __future__ import annotations

from typing import Any

from starlette.types import ASGIApp

from detection.change_request import change_requests
from detection.switch import CHAT, Variant


def _sample(request: dict[str, Any]) -> None:
    if "messages" not in request:
        return
    if isinstance(request.get("temperature", 0), int | float):
        request["temperature"] = 1
    request.pop("seed", None)


def _wrap(app: ASGIApp) -> ASGIApp:
    return change_requests(app, _sample)


VARIANT = Variant(
    name="sampling_temperature_1",
    title="text is drawn at temperature 1 whatever is asked for",
    protocols=(CHAT,),
    withdraws=("deterministic",),
    wrap=_wrap,
)
