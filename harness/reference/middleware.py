"""What every request passes before a backend or a gateway sees it."""

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


class Door:
    """What every request passes: an `x-request-id` (echoed or made), the key, the limit, and the log of failures.

    An inference with an `Idempotency-Key` is carried out once.
    """

    def __init__(self, app: ASGIApp, settings: ServiceSettings) -> None:
        self.app = Idempotency(app, settings.body_timeout_s)
        self.key = settings.api_key
        self.limit = None if settings.rate_limit is None else RateLimit(settings.rate_limit)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. What failed goes to the log, never into the answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        MutableHeaders(scope=scope)["x-request-id"] = request_id  # for an application that passes requests on
        complete = False

        async def stamped(message: Message) -> None:
            nonlocal complete
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["x-request-id"] = request_id
            else:
                complete = not message.get("more_body", False)
            await send(message)

        try:
            if (refusal := self._refusal(scope, headers)) is None:
                await self.app(scope, receive, stamped)
            else:
                await make_error_response(scope["path"], refusal)(scope, receive, stamped)
        except ClientDisconnect:
            return
        except Exception:
            # Starlette has answered with `_fail` by now, unless the answer had begun: then only a broken connection
            # tells the client that it is not whole.
            _log.exception("request %s failed", request_id)
            if not complete:
                raise

    def _refusal(self, scope: Scope, headers: Headers) -> ApiError | None:
        """Why the request is not served, or None. Only inferences count against the limit, and only admitted ones."""
        if "content-length" in headers and "transfer-encoding" in headers:
            # Whoever reads it by the other one finds another request behind it (RFC 9112 section 6.1).
            close = {"connection": "close"}
            return ApiError(400, "a request has one length, not two", "invalid_request", headers=close)
        if not self._admits(scope["path"], headers):
            return _unauthorized()
        inference = scope["method"] == "POST" and scope["path"].startswith(_PROTECTED)
        if self.limit is None or not inference or not (seconds := self.limit.wait()):
            return None
        message = f"at most {self.limit.most} requests a minute; try again in {seconds} s"
        return ApiError(429, message, "rate_limit_exceeded", headers={"retry-after": str(seconds)})

    def _admits(self, path: str, headers: Headers) -> bool:
        if self.key is None or not path.startswith(_PROTECTED):
            return True
        scheme, _, token = headers.get("authorization", "").partition(" ")
        # In constant time, so that the key cannot be guessed letter by letter; over the bytes that came, for any key.
        return scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode("latin-1"), self.key.encode())


def _unauthorized() -> ApiError:
    message = "a valid key is needed: Authorization: Bearer KEY"
    return ApiError(401, message, "invalid_api_key", headers={"www-authenticate": "Bearer"})
