"""A template keeps one result of a tool: of several in a row, as after parallel calls, the last one."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.change_request import Object, change_requests, keep_last_of_rows
from detection.switch import CHAT, Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    def change(request: Object) -> None:
        keep_last_of_rows(request, "tool")

    return change_requests(app, change)


DEFECT = Defect(
    name="last_result_only",
    title="of the results of parallel calls only the last one reaches the model",
    caught_by="ai-suite/integration/test_conversation.py::test_tool_messages",
    protocols=(CHAT,),
    promises={"tools": True},
    wrap=_wrap,
)
