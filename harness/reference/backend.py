"""The ASGI application: five protocols over one service, behind one middleware for identifiers, keys and errors."""

from __future__ import annotations

from itertools import chain

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from harness.reference.api_error import ApiError, make_error_response
from harness.reference.chat import Chat
from harness.reference.completions import Completions
from harness.reference.embeddings import Embeddings
from harness.reference.middleware import RequestMiddleware
from harness.reference.plain import Plain
from harness.reference.service import Service
from harness.reference.settings import ServiceSettings
from harness.reference.switches import load_switches
from harness.reference.v2 import V2

_SPEAKERS = (Plain, V2, Embeddings, Chat, Completions)
_CODES = {404: "not_found", 405: "method_not_allowed"}


def create_app(settings: ServiceSettings) -> ASGIApp:
    """The service of these settings, trained, with their seeded defects and variants in place.

    Raises `UsageError` for a defect or variant that does not exist.
    """
    switches = load_switches(settings)
    for switch in switches:
        settings = switch.configure(settings)
    app: ASGIApp = _starlette(Service.train(settings))
    for switch in reversed(switches):
        app = switch.wrap(app)
    app = RequestMiddleware(app, settings)
    for switch in reversed(switches):
        app = switch.outside(app)
    return app


def _starlette(service: Service) -> Starlette:
    app = Starlette(
        routes=list(chain.from_iterable(speaker(service).routes for speaker in _SPEAKERS)),
        exception_handlers={ApiError: _refuse, HTTPException: _refuse_route, Exception: _fail},
    )
    # A redirect would make `/predict/` a second, slower address of the same page.
    app.router.redirect_slashes = False
    return app


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return make_error_response(request.url.path, error)


async def _refuse_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _CODES.get(error.status_code, "invalid_request")
    refusal = ApiError(error.status_code, code.replace("_", " "), code, headers=error.headers)
    return make_error_response(request.url.path, refusal)


async def _fail(request: Request, error: Exception) -> Response:
    return make_error_response(request.url.path, ApiError(500, "internal error", "internal_error"))
