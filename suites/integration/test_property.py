"""Requests generated from what the endpoint announces are answered validly, or refused clearly."""

from __future__ import annotations

from harness.checks.bad_input import generated_requests as generated
from harness.checks.bad_input.generated_requests import Search
from harness.generation import search as property_
from harness.generation.input_form import GENERATED_MAX_TOKENS
from harness.suite import Session, Verdict, check, once


@once
def _search(ai_client: Session) -> Search:
    return property_.search_failures(ai_client)


@check(
    "generated valid requests are survived: answered validly, or refused",
    grounds=("property",),
    requests=property_.SEARCH_REQUESTS,
    tokens=GENERATED_MAX_TOKENS * property_.SEARCH_REQUESTS,
)
def test_generated_requests_survive(ai_client: Session) -> Verdict:
    return generated.survived(_search(ai_client), ai_client.show)


@check(
    "generated valid requests are not treated as the server's own failure",
    level="warn",
    grounds=("property",),
    requests=0,
)
def test_generated_requests_answered(ai_client: Session) -> Verdict:
    return generated.kept(_search(ai_client), ai_client.show)
