"""Two callers: what is stored of one's answers is not given to the other."""

from __future__ import annotations

import secrets

from harness.checks.isolation.stored_answers import (
    StoredAnswer,
    find_answer_id,
    judge_stored_answers,
    list_rereads,
)
from harness.core.canary import mint_canary
from harness.core.exchange import Query, Request
from harness.suite import Session, Verdict, check


@check(
    "stored answers of one caller are not given to another",
    needs=("generates",),
    grounds=("credentials", "other_caller", "http"),
    requests=24,
    tokens=16 * 24,
    clauses=("OWASP API1:2023 broken object level authorization", "OWASP LLM02:2025 sensitive information disclosure"),
)
def test_stored_answers(ai_client: Session) -> Verdict:
    other = ai_client.endpoint.other_credentials
    canary = mint_canary(secrets.choice)
    first = ai_client.ask(Query(f"Remember {canary}.", options=ai_client.sample().options))
    identifier = find_answer_id(first.response)
    marks = tuple(filter(None, (canary, identifier)))
    nothing = ai_client.send(Request("GET", f"{ai_client.request().path}/{canary}"), credentials=other)
    if nothing.status == 200:
        identifier = None  # every id is answered, so that an answer shows nothing
    asked = []
    for name, request in list_rereads(ai_client.request(), identifier).items():
        asked.append(StoredAnswer(name, ai_client.send(request, credentials=other), marks))
    if header := ai_client.promises.idempotency:
        line = ((header, f"aiharness-{secrets.token_hex(8)}"),)
        own, again = (find_answer_id(ai_client.ask(headers=line).response) for _ in range(2))
        given = ai_client.ask(headers=line, credentials=other)
        if own and own == again:
            asked.append(StoredAnswer(f"the answer under its {header}", given, (own,)))
    return judge_stored_answers(asked, ai_client.ask(credentials=other), ai_client.show)
