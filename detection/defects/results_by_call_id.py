"""Results of tools are kept by the id of their call: of two results with one id the last one stands for both."""

from __future__ import annotations

from detection.change_request import Object, change_requests
from detection.switch import CHAT, Defect


def _change(request: Object) -> None:
    results = [message for message in request.get("messages") or () if "tool_call_id" in message]
    last = {message["tool_call_id"]: message["content"] for message in results}
    for message in results:
        message["content"] = last[message["tool_call_id"]]


DEFECT = Defect(
    title="of two results with one id the last one stands for both",
    caught_by="ai-suite/integration/test_ids.py::test_same_call_id",
    protocols=(CHAT,),
    promises={"tools": True},
    wrap=lambda app: change_requests(app, _change),
)
