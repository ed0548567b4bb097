"""A template keeps one result of a tool: of several in a row, as after parallel calls, the last one."""

from __future__ import annotations

from detection.change_request import Object, change_requests, keep_last_of_rows
from detection.switch import CHAT, Defect


def _change(request: Object) -> None:
    keep_last_of_rows(request, "tool")


DEFECT = Defect(
    title="of the results of parallel calls only the last one reaches the model",
    caught_by="ai-suite/integration/test_conversation.py::test_tool_messages",
    protocols=(CHAT,),
    promises={"tools": True},
    wrap=lambda app: change_requests(app, _change),
)
