"""Credentials are enforced when they are configured."""

from __future__ import annotations

from harness.checks.http import credentials
from harness.core.mutation import ACCEPT_BAD_INPUT
from harness.suite import Session, Verdict, check


@check(
    "credentials are enforced",
    grounds=("credentials",),
    requests=2,
    tokens=32,
    cases=("missing", "wrong"),
    broken_by=(ACCEPT_BAD_INPUT,),
)
def test_enforced(ai_client: Session, case: str) -> Verdict:
    right = ai_client.endpoint.credentials
    assert right is not None
    attempt = ai_client.ask(credentials=None if case == "missing" else right.make_wrong())
    return credentials.judge_credentials(case, attempt, ai_client.ask(), ai_client.show)
