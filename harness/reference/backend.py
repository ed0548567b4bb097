"""The ASGI application: three protocols over one service, behind one door that knows identifiers, keys and errors."""

from __future__ import annotations

import hmac
import logging
import re
import uuid

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from harness.reference import defect
from harness.reference.chat import Chat
from harness.reference.plain import Plain
from harness.reference.service import Service
from harness.reference.settings import Settings
from harness.reference.v2 import V2
from harness.reference.wire import ApiError, error_response

_log = logging.getLogger(__name__)
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")
_PROTECTED = ("/predict", "/v1/", "/v2/models/")
_CODES = {404: "not_found", 405: "method_not_allowed"}


def create_app(settings: Settings) -> ASGIApp:
    """The service of these settings, trained, with their seeded defects in place behind its door.

    Raises `UsageError` for a defect that does not exist.
    """
    defects = [defect.load(name) for name in settings.defects]
    for each in defects:
        settings = each.configure(settings)
    app: ASGIApp = _starlette(Service.trained(settings))
    for each in reversed(defects):
        app = each.wrap(app)
    return Door(app, settings)


def _starlette(service: Service) -> Starlette:
    app = Starlette(
        routes=[*Plain(service).routes, *V2(service).routes, *Chat(service).routes],
        exception_handlers={ApiError: _refuse, HTTPException: _refuse_route, Exception: _fail},
    )
    # A redirect would turn `/predict/` into a second, slower spelling of the same address.
    app.router.redirect_slashes = False
    return app


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return error_response(request.url.path, error)


async def _refuse_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _CODES.get(error.status_code, "invalid_request")
    refusal = ApiError(error.status_code, code.replace("_", " "), code, headers=error.headers)
    return error_response(request.url.path, refusal)


async def _fail(request: Request, error: Exception) -> Response:
    return error_response(request.url.path, ApiError(500, "internal error", "internal_error"))


class Door:
    """What every request passes: an `x-request-id` (echoed or made), the key, and the log of failures."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.key = settings.api_key

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
            if self._admits(scope["path"], headers):
                await self.app(scope, receive, stamped)
            else:
                await error_response(scope["path"], _unauthorized())(scope, receive, stamped)
        except ClientDisconnect:
            return
        except Exception:
            # Starlette has answered with `_fail` by now, unless the answer had begun: then only a broken connection
            # tells the client that it is not whole.
            _log.exception("request %s failed", request_id)
            if not complete:
                raise

    def _admits(self, path: str, headers: Headers) -> bool:
        if self.key is None or not path.startswith(_PROTECTED):
            return True
        scheme, _, token = headers.get("authorization", "").partition(" ")
        # In constant time, so that the key cannot be guessed letter by letter; over the bytes that came, for any key.
        return scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode("latin-1"), self.key.encode())


def _unauthorized() -> ApiError:
    message = "a valid key is needed: Authorization: Bearer KEY"
    return ApiError(401, message, "invalid_api_key", headers={"www-authenticate": "Bearer"})
