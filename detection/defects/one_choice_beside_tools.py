"""Beside tools one choice is answered, whatever n says."""

from __future__ import annotations

from detection.change_request import Object, change_requests
from detection.switch import CHAT, Defect


def _change(request: Object) -> None:
    if request.get("tools"):
        request.pop("n", None)


DEFECT = Defect(
    title="beside tools one choice is answered, whatever n says",
    caught_by="ai-suite/integration/test_combinations.py::test_combinations",
    protocols=(CHAT,),
    promises={"tools": True, "choices": True},
    wrap=lambda app: change_requests(app, _change),
)
