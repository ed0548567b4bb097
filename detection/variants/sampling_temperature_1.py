"""Temperature and seed are what the server has them be: the same prompt has another text each time."""

from __future__ import annotations

from typing import Any

from detection.change_request import change_requests
from detection.switch import CHAT, Variant


def _sample(request: dict[str, Any]) -> None:
    if "messages" not in request:
        return
    if isinstance(request.get("temperature", 0), int | float):
        request["temperature"] = 1
    request.pop("seed", None)


VARIANT = Variant(
    title="text is drawn at temperature 1 whatever is asked for",
    protocols=(CHAT,),
    withdraws=("deterministic",),
    wrap=lambda app: change_requests(app, _sample),
)
