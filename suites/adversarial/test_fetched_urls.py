"""Addresses in a request: are they fetched, and so whatever is hidden behind the service (SSRF)?"""

from __future__ import annotations

import secrets

from harness.checks.bad_input.fetched_urls import MOST_URL_REQUESTS, judge_fetches, list_url_requests
from harness.core.canary import mint_canary
from harness.core.mutation import FETCHED_ADDRESS
from harness.io.canary_server import CanaryServer
from harness.suite import Session, Verdict, check, mutate

_PATIENCE = 1.0
"""Seconds for a fetch that comes after the answer."""


@check(
    "no address that a request names is fetched",
    grounds=("http", "this_machine"),
    requests=1 + 2 * MOST_URL_REQUESTS,
    tokens=1 + 2 * MOST_URL_REQUESTS,
    broken_by=(mutate(FETCHED_ADDRESS),),
    clauses=("OWASP API7:2023 server-side request forgery", "CWE-918"),
)
def test_fetched_urls(ai_client: Session) -> Verdict:
    query = ai_client.sample()
    if ai_client.capabilities.generates:
        query = ai_client.limit_answer(query, 1)
    with CanaryServer() as canary:
        named = list_url_requests(ai_client.request(query), canary.port, lambda: mint_canary(secrets.choice))
        sent = [(one, ai_client.send(one.request)) for one in named]
        hits = canary.wait_for_hits({one.token for one in named}, _PATIENCE)
        return judge_fetches(sent, hits, ai_client.ask(query), ai_client.show)
