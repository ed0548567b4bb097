"""A service that asks for a key: does each of its routes ask for it, and what is shown to everybody?"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from harness.checks.http import hostile, open_routes
from harness.core.exchange import Exchange, Request
from harness.run.route_search import find_routes
from harness.suite import Session, Verdict, check, mutate

_MANAGED = "aiharness-none-"
_SEARCH = 80
"""The requests that look for routes, at most."""


class _CountedAsker:
    """Sends through the session, which counts every request."""

    def __init__(self, ai_client: Session) -> None:
        self._client = ai_client

    def exchange(self, request: Request) -> Exchange:
        return self._client.send(request)

    def exchange_many(self, requests: Sequence[Request], *, concurrency: int) -> list[Exchange]:
        return [self._client.send(request) for request in requests]


@check(
    "every route that does work asks for the key",
    grounds=("credentials", "http"),
    requests=_SEARCH + 4 + 6 * open_routes.MOST_ROUTES,
    clauses=(
        "OWASP API5:2023 broken function level authorization",
        "MITRE ATLAS AML.T0040 AI model inference API access",
    ),
    broken_by=tuple(
        mutate("accept_refused", path=path, text='{"answer": "Yes."}') for path in ("/invocations", "/infill")
    ),
)
def test_open_routes(ai_client: Session) -> Verdict:
    document, routes = find_routes(_CountedAsker(ai_client))
    announced = [route.path for route in routes if route.method == "POST"]
    requests = {
        **open_routes.list_open_inferences(ai_client.request(), announced),
        **open_routes.list_secured_pages(document),
    }
    own = ai_client.ask(credentials=None)
    sent = {name: ai_client.send(request, credentials=None) for name, request in requests.items()}
    nowhere = ai_client.send(_make_nowhere(ai_client), credentials=None)
    return open_routes.judge_open_routes(sent, own, ai_client.ask(), nowhere, ai_client.show)


def _make_nowhere(ai_client: Session) -> Request:
    valid = ai_client.request()
    return Request("POST", f"/{secrets.token_hex(8)}", valid.headers, valid.body)


@check(
    "no model is managed without a key",
    grounds=("credentials", "http"),
    requests=30,
    clauses=("OWASP API5:2023 broken function level authorization",),
    broken_by=(mutate("accept_refused", path="/v2/repository", text="{}"),),
)
def test_management(ai_client: Session) -> Verdict:
    name = _MANAGED + secrets.token_hex(6)
    sent = []
    for order in open_routes.list_management_requests(name):
        sent.append((order, ai_client.send(order.request, credentials=None)))
    nowhere = ai_client.send(open_routes.make_nowhere_order(name, secrets.token_hex(6)), credentials=None)
    holds = "no order to manage a model is obeyed without a key"
    return hostile.judge_hostile(sent, ai_client.ask(), holds, ai_client.show, nowhere)


@check(
    "pages for operators ask for the key",
    level="warn",
    grounds=("credentials", "http"),
    requests=40,
    broken_by=(mutate("accept_refused", path="/props", text='{"model_path": "/models/a.gguf"}'),),
    clauses=("OWASP API8:2023 security misconfiguration",),
)
def test_operator_pages(ai_client: Session) -> Verdict:
    sent = []
    for page in open_routes.list_operator_pages(ai_client.promises.open_pages):
        sent.append((page, ai_client.send(page.request, credentials=None)))
    nowhere = ai_client.send(Request("GET", f"/{secrets.token_hex(8)}"), credentials=None)
    holds = "no page for operators is open to everybody, but those that are promised to be"
    return hostile.judge_hostile(sent, ai_client.ask(), holds, ai_client.show, nowhere)
