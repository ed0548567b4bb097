"""The path of streams knows the limit of tokens under its old name alone."""

from __future__ import annotations

from detection.change_request import Object, change_requests
from detection.switch import CHAT, Defect


def _change(request: Object) -> None:
    if request.get("stream"):
        request.pop("max_completion_tokens", None)


DEFECT = Defect(
    title="max_completion_tokens is ignored in streams",
    caught_by="ai-suite/integration/test_combinations.py::test_combinations",
    protocols=(CHAT,),
    wrap=lambda app: change_requests(app, _change),
)
