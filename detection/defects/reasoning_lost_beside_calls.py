"""Where an earlier answer calls a tool, its reasoning is read under the new name only."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.change_request import Object, change_requests, list_turns
from detection.switch import CHAT, Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    def change(request: Object) -> None:
        for turn in list_turns(request):
            if turn.get("tool_calls"):
                turn.pop("reasoning_content", None)

    return change_requests(app, change)


DEFECT = Defect(
    name="reasoning_lost_beside_calls",
    title="of an answer with calls the reasoning is not read under its older name",
    caught_by="ai-suite/integration/test_conversation.py::test_reasoning",
    protocols=(CHAT,),
    promises={"tools": True},
    wrap=_wrap,
)
