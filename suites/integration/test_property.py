"""Requests generated from what the endpoint announces are answered validly, or clearly refused."""

from __future__ import annotations

from harness.checks.bad_input import generated_requests
from harness.checks.bad_input.generated_requests import RequestSearch
from harness.core.mutation import crash_after
from harness.generation import search as property_
from harness.generation.input_form import GENERATED_MAX_TOKENS
from harness.suite import Session, Verdict, check, mutate, once

_ANSWERED = 10
"""Generated requests that are answered, in the proof that the checks can fail."""

_OTHERWISE = (
    mutate("wrong_tensor", form="dtype", skip=_ANSWERED),
    mutate("answer_status", status=500, skip=_ANSWERED),
)


@once
def _search(ai_client: Session) -> RequestSearch:
    return property_.search_failures(ai_client)


@check(
    "generated valid requests are survived: answered validly, or refused",
    grounds=("property", "no_upload"),
    requests=property_.SEARCH_REQUESTS,
    tokens=GENERATED_MAX_TOKENS * property_.SEARCH_REQUESTS,
    broken_by=(crash_after(_ANSWERED),),
)
def test_generated_requests_survive(ai_client: Session) -> Verdict:
    return generated_requests.judge_generated_requests(_search(ai_client), ai_client.show)


@check(
    "generated valid requests are not treated as the server's own failure",
    level="warn",
    grounds=("property", "no_upload"),
    requests=0,
    broken_by=_OTHERWISE,
)
def test_generated_requests_answered(ai_client: Session) -> Verdict:
    return generated_requests.judge_generated_failures(_search(ai_client), ai_client.show)
