"""The ASGI application: three protocols over one service, behind one door that knows identifiers, keys and errors."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from harness.reference import defect
from harness.reference.apierror import ApiError, error_response
from harness.reference.chat import Chat
from harness.reference.door import Door
from harness.reference.plain import Plain
from harness.reference.service import Service
from harness.reference.settings import Settings
from harness.reference.v2 import V2

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
