"""The template knows no results of tools: the model reads the conversation without them, and calls again."""

from __future__ import annotations

from detection.change_request import Object, change_requests, list_roles
from detection.switch import CHAT, Defect


def _change(request: Object) -> None:
    roles = list_roles(request)
    if "tool" in roles:
        last = max(number for number, role in enumerate(roles) if role == "user")
        request["messages"] = request["messages"][: last + 1]


DEFECT = Defect(
    title="the results of tools do not reach the model, which calls them again",
    caught_by="ai-suite/integration/test_tools.py::test_goes_on",
    protocols=(CHAT,),
    promises={"tools": True},
    wrap=lambda app: change_requests(app, _change),
)
