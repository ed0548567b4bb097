"""Two callers: what is stored of one's answers is not given to the other."""

from __future__ import annotations

import secrets

from harness.checks.isolation.stored_answers import (
    StoredAnswer,
    find_answer_id,
    judge_stored_answers,
    list_rereads,
)
from harness.suite import Session, Verdict, check


@check(
    "stored answers of one caller are not given to another",
    grounds=("credentials", "other_caller", "http"),
    requests=24,
    tokens=16 * 24,
    clauses=("OWASP API1:2023 broken object level authorization", "OWASP LLM02:2025 sensitive information disclosure"),
)
def test_stored_answers(ai_client: Session) -> Verdict:
    other = ai_client.endpoint.other_credentials
    asked = []
    first = ai_client.ask()
    if identifier := find_answer_id(first.response):
        for name, request in list_rereads(ai_client.request(), identifier).items():
            own = ai_client.send(request)
            if own.status == 200:
                asked.append(StoredAnswer(name, own, ai_client.send(request, credentials=other), identifier))
    if header := ai_client.promises.idempotency:
        line = ((header, f"aiharness-{secrets.token_hex(8)}"),)
        own = ai_client.ask(headers=line)
        again = ai_client.ask(headers=line)
        given = ai_client.ask(headers=line, credentials=other)
        mark = find_answer_id(own.response)
        if mark and find_answer_id(again.response) == mark:
            asked.append(StoredAnswer(f"the answer under its {header}", own, given, mark))
    return judge_stored_answers(asked, ai_client.ask(credentials=other), ai_client.show)
