"""`max_tokens` is read as four times what it says."""

from __future__ import annotations

from typing import Any

from detection.change_request import change_requests
from detection.switch import CHAT, Defect


def _more(request: dict[str, Any]) -> None:
    for name in ("max_tokens", "max_completion_tokens"):
        if type(request.get(name)) is int and request[name] > 0:
            request[name] *= 4


DEFECT = Defect(
    title="answers are up to four times as long as max_tokens allows",
    caught_by="ai-suite/integration/test_parameters.py::test_max_tokens",
    protocols=(CHAT,),
    wrap=lambda app: change_requests(app, _more),
)
