"""A service that gives six tokens at most whatever is asked for, and says that the limit cut the answer."""

from __future__ import annotations

from typing import Any

from detection.change_request import change_requests
from detection.switch import CHAT, Variant

_MOST = 6


def _lower_limit(request: dict[str, Any]) -> None:
    if "messages" not in request or request.get("tools") or request.get("response_format"):
        return
    name = "max_completion_tokens" if "max_completion_tokens" in request else "max_tokens"
    limit = request.get(name)
    if limit is None or (type(limit) is int and limit > _MOST):
        request[name] = _MOST


VARIANT = Variant(
    title="answers have six tokens at most",
    protocols=(CHAT,),
    wrap=lambda app: change_requests(app, _lower_limit),
    promises={"output_limit": _MOST},
)
