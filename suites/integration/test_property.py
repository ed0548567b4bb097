"""Requests generated from what the endpoint announces are answered validly, or clearly refused."""

from __future__ import annotations

from harness.checks.bad_input import generated_requests
from harness.checks.bad_input.generated_requests import RequestSearch
from harness.generation import search as property_
from harness.generation.input_form import GENERATED_MAX_TOKENS
from harness.suite import Session, Verdict, check, once


@once
def _search(ai_client: Session) -> RequestSearch:
    return property_.search_failures(ai_client)


@check(
    "generated valid requests are survived: answered validly, or refused",
    grounds=("property", "no_upload"),
    requests=property_.SEARCH_REQUESTS,
    tokens=GENERATED_MAX_TOKENS * property_.SEARCH_REQUESTS,
)
def test_generated_requests_survive(ai_client: Session) -> Verdict:
    return generated_requests.judge_generated_requests(_search(ai_client), ai_client.show)


@check(
    "generated valid requests are not treated as the server's own failure",
    level="warn",
    grounds=("property", "no_upload"),
    requests=0,
)
def test_generated_requests_answered(ai_client: Session) -> Verdict:
    return generated_requests.judge_generated_failures(_search(ai_client), ai_client.show)
