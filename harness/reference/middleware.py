"""What every request passes before it reaches a backend or a gateway."""

from __future__ import annotations

import hmac
import logging
import re
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from harness.reference.api_error import ApiError, make_error_response
from harness.reference.idempotency import Idempotency
from harness.reference.rate_limit import RateLimit
from harness.reference.settings import ServiceSettings

_log = logging.getLogger(__name__)
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")
_PROTECTED = ("/predict", "/v1/", "/v2/models/")


class RequestMiddleware:
    """An `x-request-id` (echoed or made), the key, the rate limit, and the log of failures for every request.

    An inference with an `Idempotency-Key` is carried out once.
    """

    def __init__(self, app: ASGIApp, settings: ServiceSettings) -> None:
        self.app = Idempotency(app, settings.body_timeout_s)
        self.keys = [key.encode() for key in (settings.api_key or "").split(",") if key]
        self.limit = None if settings.rate_limit is None else RateLimit(settings.rate_limit)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. A failure is logged, and never described in the answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = headers.get("x-request-id", "")
        if not _REQUEST_ID.fullmatch(request_id):
            request_id = uuid.uuid4().hex
        MutableHeaders(scope=scope)["x-request-id"] = request_id  # for an application that passes requests on
        complete = False

        async def send_with_id(message: Message) -> None:
            nonlocal complete
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["x-request-id"] = request_id
            else:
                complete = not message.get("more_body", False)
            await send(message)

        try:
            if (refusal := self._find_refusal(scope, headers)) is None:
                await self.app(scope, receive, send_with_id)
            else:
                await make_error_response(scope["path"], refusal)(scope, receive, send_with_id)
        except ClientDisconnect:
            return
        except Exception:
            # Starlette has answered with `_fail` by now, unless the answer had begun: then only a broken connection
            # shows the client that it is not complete.
            _log.exception("request %s failed", request_id)
            if not complete:
                raise

    def _find_refusal(self, scope: Scope, headers: Headers) -> ApiError | None:
        """Why the request is not served, or None. Only inferences count against the limit, and only admitted ones."""
        if "content-length" in headers and "transfer-encoding" in headers:
            # A reader that uses the other length takes the rest for another request (RFC 9112 section 6.1).
            close = {"connection": "close"}
            return ApiError(400, "a request has one length, not two", "invalid_request", headers=close)
        if not self._admits(scope["path"], headers):
            message, challenge = "a valid key is needed: Authorization: Bearer KEY", {"www-authenticate": "Bearer"}
            return ApiError(401, message, "invalid_api_key", headers=challenge)
        inference = scope["method"] == "POST" and scope["path"].startswith(_PROTECTED)
        if self.limit is None or not inference or not (seconds := self.limit.admit()):
            return None
        message = f"at most {self.limit.most} requests a minute; try again in {seconds} s"
        return ApiError(429, message, "rate_limit_exceeded", headers={"retry-after": str(seconds)})

    def _admits(self, path: str, headers: Headers) -> bool:
        if not self.keys or not path.startswith(_PROTECTED):
            return True
        scheme, _, token = headers.get("authorization", "").partition(" ")
        # In constant time, so that the key cannot be guessed letter by letter; bytes, so that any key is comparable.
        given = token.strip().encode("latin-1")
        return scheme.lower() == "bearer" and any(hmac.compare_digest(given, key) for key in self.keys)
