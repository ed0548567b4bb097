"""The ASGI application: four protocols over one service, behind one door that knows identifiers, keys and errors."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from harness.reference import defect, variant
from harness.reference.apierror import ApiError, error_response
from harness.reference.chat import Chat
from harness.reference.door import Door
from harness.reference.embeddings import Embeddings
from harness.reference.outbound import Wire
from harness.reference.plain import Plain
from harness.reference.service import Service
from harness.reference.settings import Settings
from harness.reference.switch import Switch
from harness.reference.v2 import V2

_CODES = {404: "not_found", 405: "method_not_allowed"}


def switches(settings: Settings) -> list[Switch]:
    """The variants and defects of these settings, the outermost first. Raises `UsageError` for an unknown one."""
    return [*map(variant.load, settings.variants), *map(defect.load, settings.defects)]


def create_app(settings: Settings) -> ASGIApp:
    """The service of these settings, trained, with their seeded defects and variants in place.

    Raises `UsageError` for a defect or variant that does not exist.
    """
    chosen = switches(settings)
    for each in chosen:
        settings = each.configure(settings)
    app: ASGIApp = _starlette(Service.trained(settings))
    for each in reversed(chosen):
        app = each.wrap(app)
    app = Door(app, settings)
    for each in reversed(chosen):
        app = each.outside(app)
    return app


def wires(settings: Settings) -> list[Wire] | None:
    """What their answers pass below HTTP, the innermost first; None where nothing is switched on."""
    chosen = switches(settings)
    return [each.wire for each in reversed(chosen) if each.wire is not None] if chosen else None


def _starlette(service: Service) -> Starlette:
    app = Starlette(
        routes=[*Plain(service).routes, *V2(service).routes, *Embeddings(service).routes, *Chat(service).routes],
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
