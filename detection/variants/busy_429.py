"""More than 12 inferences at once are declined with 429 and `Retry-After`, at once and in the protocol's shape."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from detection.change_answer import is_inference
from detection.switch import Variant
from harness.reference.api_error import ApiError, make_error_response

_MOST = 12


def _wrap(app: ASGIApp) -> ASGIApp:
    refusal = ApiError(429, "too many requests at once", "rate_limit_exceeded", headers={"retry-after": "1"})
    running = 0

    async def around(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal running
        if not is_inference(scope):
            await app(scope, receive, send)
            return
        if running >= _MOST:
            await make_error_response(scope["path"], refusal)(scope, receive, send)
            return
        running += 1
        try:
            await app(scope, receive, send)
        finally:
            running -= 1

    return around


VARIANT = Variant(title="more than 12 inferences at once are declined with 429", wrap=_wrap)
