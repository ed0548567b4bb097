"""The limit of tokens is read under its old name alone (llama-cpp-python #1907)."""

from __future__ import annotations

from detection.change_request import Object, change_requests
from detection.switch import CHAT, Defect


def _change(request: Object) -> None:
    request.pop("max_completion_tokens", None)


DEFECT = Defect(
    title="max_completion_tokens is ignored",
    caught_by="ai-suite/integration/test_parameters.py::test_max_tokens",
    protocols=(CHAT,),
    wrap=lambda app: change_requests(app, _change),
)
