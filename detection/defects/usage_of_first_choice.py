"""A stream of several choices counts the tokens of one."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.change_request import Object, change_pairs
from detection.switch import CHAT, Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    def change(request: Object, answer: Object) -> None:
        usage, n = answer.get("usage"), request.get("n") or 1
        if usage and request.get("stream") and n > 1:
            usage["completion_tokens"] //= n
            usage["total_tokens"] = usage["prompt_tokens"] + usage["completion_tokens"]

    return change_pairs(app, change)


DEFECT = Defect(
    name="usage_of_first_choice",
    title="streamed, of several choices the tokens of one are counted",
    caught_by="ai-suite/integration/test_combinations.py::test_combinations",
    protocols=(CHAT,),
    promises={"choices": True},
    wrap=_wrap,
)
