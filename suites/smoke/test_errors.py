"""Wrong requests: refused as such, without a leak, in one shape."""

from __future__ import annotations

from harness.checks.bad_input import clean_errors
from harness.core.exchange import Exchange
from harness.core.mutation import ACCEPT_BAD_INPUT, CRASH_ON_BAD_INPUT
from harness.suite import Session, Verdict, check, mutate, once


@once
def ask_wrong_requests(ai_client: Session) -> dict[str, Exchange]:
    wrong = ai_client.adapter.bad_requests(ai_client.endpoint, ai_client.facts)
    return {name: ai_client.send(request) for name, request in wrong.items()}


@check("errors show nothing internal", requests=16, broken_by=(CRASH_ON_BAD_INPUT,))
def test_nothing_leaks(ai_client: Session) -> Verdict:
    return clean_errors.judge_leaks(ask_wrong_requests(ai_client), ai_client.show)


@check("wrong requests are refused with a 4xx", level="warn", requests=16, broken_by=(ACCEPT_BAD_INPUT,))
def test_refused(ai_client: Session) -> Verdict:
    return clean_errors.judge_refusals(ask_wrong_requests(ai_client), ai_client.show)


@check(
    "errors have one shape",
    level="warn",
    grounds=("http",),
    requests=16,
    broken_by=(mutate("answer_status", status=422, text="no", answered="4*", skip=1),),
)
def test_one_shape(ai_client: Session) -> Verdict:
    return clean_errors.judge_error_shape(ask_wrong_requests(ai_client), ai_client.show)
