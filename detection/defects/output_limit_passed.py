"""The service promises six tokens at most, and keeps to that only as long as a caller asks for a hundred or fewer."""

from __future__ import annotations

from typing import Any

from detection.change_request import change_requests
from detection.switch import CHAT, Defect

_MOST, _CHECKED = 6, 100


def _lower_limit(request: dict[str, Any]) -> None:
    for name in ("max_tokens", "max_completion_tokens"):
        limit = request.get(name)
        if type(limit) is int and _MOST < limit <= _CHECKED:
            request[name] = _MOST


DEFECT = Defect(
    title="a large max_tokens passes the promised limit of the output",
    caught_by="ai-suite/integration/test_parameters.py::test_output_limit",
    protocols=(CHAT,),
    wrap=lambda app: change_requests(app, _lower_limit),
    promises={"output_limit": _MOST},
)
