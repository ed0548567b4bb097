"""Credentials are enforced when they are configured."""

from __future__ import annotations

from functools import partial

from harness.checks.http import credentials
from harness.checks.http.credentials import LEGAL_SPELLINGS, spell_credential
from harness.checks.http.disguises import MOST_NEAR, judge_disguises, list_near_keys
from harness.core.mutation import ACCEPT_BAD_INPUT
from harness.suite import Session, Verdict, check, mutate


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


@check(
    "a credential that is nearly the right one is refused",
    grounds=("credentials",),
    requests=1 + MOST_NEAR,
    tokens=16 * (1 + MOST_NEAR),
    broken_by=(ACCEPT_BAD_INPUT,),
)
def test_nearly_right(ai_client: Session) -> Verdict:
    right = ai_client.endpoint.credentials
    assert right is not None
    sent = {name: ai_client.ask(credentials=near) for name, near in list_near_keys(right).items()}
    return judge_disguises(sent, ai_client.ask(), ai_client.show)


@check(
    "the right credential is accepted in every legal spelling",
    level="warn",
    grounds=("credentials", "direct"),
    requests=1 + 2 * len(LEGAL_SPELLINGS),
    tokens=16 * (1 + len(LEGAL_SPELLINGS)),
    broken_by=(mutate("answer_status", status=401, skip=1),),
)
def test_legal_spellings(ai_client: Session) -> Verdict:
    right = ai_client.endpoint.credentials
    assert right is not None
    control, request = ai_client.ask(), ai_client.request()
    answers = {}
    for name, spell in LEGAL_SPELLINGS.items():
        if right.scheme != "header" or "scheme" not in name:
            [answers[name]] = ai_client.raw([request], partial(spell_credential, right, spell))
    return credentials.judge_legal_spellings(answers, control, ai_client.show)
