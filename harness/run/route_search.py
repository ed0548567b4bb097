"""Which routes of a service may be inferences, by harmless GETs alone: its OpenAPI document, else its pages.

Tested in tests/commands/test_init_services.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from harness.core.exchange import Exchange, Request
from harness.protocols.shared import wire
from harness.protocols.shared.page_forms import list_form_routes, list_mentioned_paths
from harness.protocols.shared.routes import COMMON_PATHS, Route, list_inference_routes

_DOCUMENT_PATHS = (
    *(wire.OPENAPI_PATH, "/swagger.json", "/api/openapi.json", "/openapi/openapi.json", "/api/v1/openapi.json"),
    *("/v1/openapi.json", "/apispec_1.json"),
)


class RouteAsker(Protocol):
    """What sends the GETs: a client, or what counts its requests."""

    def exchange(self, request: Request) -> Exchange:
        """Send one."""

    def exchange_many(self, requests: Sequence[Request], *, concurrency: int) -> list[Exchange]:
        """Send several; the answers in their order."""


def find_routes(client: RouteAsker) -> tuple[Any, list[Route]]:
    """The OpenAPI document, and the routes that may be inferences, by harmless GETs alone."""
    paths = [*_DOCUMENT_PATHS, wire.UNKNOWN_PATH]
    exchanges = dict(
        zip(paths, client.exchange_many([wire.make_get(path) for path in paths], concurrency=4), strict=True)
    )
    for path in paths[:-1]:
        response = exchanges[path].response
        document = response and response.status == 200 and wire.read_json(response)
        if routes := list_inference_routes(document):
            return document, routes
    if exchanges[wire.UNKNOWN_PATH].status == 405:
        return None, []
    return None, _find_undocumented_routes(client)


def _find_undocumented_routes(client: RouteAsker) -> list[Route]:
    """The forms of the first page; then the common paths, and those that this page mentions, that refuse a GET."""
    response = client.exchange(wire.make_get("/")).response
    page = ""
    if response is not None and response.status == 200:
        page = response.body.decode("utf-8", "replace")
    routes = list_form_routes(page)
    paths = list(dict.fromkeys([*list_mentioned_paths(page), *COMMON_PATHS]))
    answers = client.exchange_many([wire.make_get(path) for path in paths], concurrency=4)
    refused = [path for path, exchange in zip(paths, answers, strict=True) if exchange.status == 405]
    return routes + [Route(path, 0, "") for path in refused if path not in {route.path for route in routes}]
