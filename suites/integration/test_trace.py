"""Trace headers are taken, and every answer can be told by its id."""

from __future__ import annotations

from harness.checks.bad_input.requests import spoiled
from harness.checks.http import trace
from harness.checks.http.legal_forms import Known
from harness.checks.http.trace import MALFORMED, VALID
from harness.core.exchange import Exchange
from harness.suite import Session, Verdict, check, once

from .test_http import PLAIN, known

SIDE_BY_SIDE = 8


@once
def _traced(ai_client: Session) -> tuple[Known, dict[str, Exchange]]:
    queries, plain = known(ai_client)
    names = {**VALID, **MALFORMED}
    found = ai_client.ask_many([queries[0]] * len(names), concurrency=SIDE_BY_SIDE, headers=list(names.values()))
    return plain, dict(zip(names, found, strict=True))


TRACED = PLAIN + len(VALID) + len(MALFORMED)


@check("trace headers change nothing in an answer", grounds=("direct",), requests=TRACED, tokens=16 * TRACED)
def test_traced(ai_client: Session) -> Verdict:
    return trace.traced(*_traced(ai_client), ai_client.show)


@check("malformed trace headers are ignored", level="warn", grounds=("direct",), requests=0)
def test_malformed_ignored(ai_client: Session) -> Verdict:
    return trace.ignored(*_traced(ai_client), ai_client.show)


IDENTIFIED = SIDE_BY_SIDE + 7


@check("every answer carries an id of its own", grounds=("request_id",), requests=IDENTIFIED, tokens=16 * IDENTIFIED)
def test_request_id(ai_client: Session) -> Verdict:
    header = ai_client.promises.request_id or "x-request-id"
    sample = ai_client.sample()
    answers = [(f"plain request {number}", "", ai_client.ask(sample)) for number in (1, 2)]
    if ai_client.able.streaming:
        answers.append(("a stream", "", ai_client.ask(ai_client.sample(stream=True))))
    given = [f"aiharness-{ai_client.settings.seed}-{number}" for number in range(SIDE_BY_SIDE)]
    lines = [((header, each),) for each in given]
    beside = ai_client.ask_many([sample] * SIDE_BY_SIDE, concurrency=SIDE_BY_SIDE, headers=lines)
    answers += [(f"the request with id {each}", each, exchange) for each, exchange in zip(given, beside, strict=True)]
    bad = spoiled(ai_client.request(), "empty_body")
    answers += [(f"wrong request {number}", "", ai_client.send(bad)) for number in (1, 2)]
    return trace.identified(header, answers, ai_client.show)
