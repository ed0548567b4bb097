"""Trace headers are accepted, and every answer has an id of its own."""

from __future__ import annotations

from harness.checks.bad_input.requests import make_bad_request
from harness.checks.control import Control
from harness.checks.http import trace
from harness.checks.http.trace import MALFORMED_TRACE_HEADERS, VALID_TRACE_HEADERS
from harness.core.exchange import Exchange
from harness.suite import Session, Verdict, check, mutate, once

from .test_http import INPUTS_COST, ask_control_inputs

_CONCURRENT = 8


@once
def _ask_with_headers(ai_client: Session) -> tuple[Control, dict[str, Exchange]]:
    queries, control = ask_control_inputs(ai_client)
    headers = {**VALID_TRACE_HEADERS, **MALFORMED_TRACE_HEADERS}
    repeated = [queries[0]] * len(headers)
    exchanges = ai_client.ask_many(repeated, concurrency=_CONCURRENT, headers=list(headers.values()))
    return control, dict(zip(headers, exchanges, strict=True))


_TRACE_COST = INPUTS_COST + len(VALID_TRACE_HEADERS) + len(MALFORMED_TRACE_HEADERS)


@check(
    "trace headers change nothing in an answer",
    grounds=("direct",),
    requests=_TRACE_COST,
    tokens=16 * _TRACE_COST,
    broken_by=(mutate("other_answer", skip=INPUTS_COST),),
)
def test_traced(ai_client: Session) -> Verdict:
    return trace.judge_trace_headers(*_ask_with_headers(ai_client), ai_client.show)


@check(
    "malformed trace headers are ignored",
    level="warn",
    grounds=("direct",),
    requests=0,
    broken_by=(mutate("answer_status", status=400, skip=INPUTS_COST),),
)
def test_malformed_ignored(ai_client: Session) -> Verdict:
    return trace.judge_malformed_trace_headers(*_ask_with_headers(ai_client), ai_client.show)


_ID_COST = _CONCURRENT + 7


@check(
    "every answer carries an id of its own",
    grounds=("request_id",),
    requests=_ID_COST,
    tokens=16 * _ID_COST,
    broken_by=(mutate("change_header", name="x-request-id"),),
)
def test_request_id(ai_client: Session) -> Verdict:
    header = ai_client.promises.request_id or "x-request-id"
    sample = ai_client.sample()
    answers = [(f"plain request {number}", "", ai_client.ask(sample)) for number in (1, 2)]
    if ai_client.capabilities.streaming:
        answers.append(("a stream", "", ai_client.ask(ai_client.sample(stream=True))))
    ids = [f"aiharness-{ai_client.settings.seed}-{number}" for number in range(_CONCURRENT)]
    lines = [((header, given),) for given in ids]
    concurrent = ai_client.ask_many([sample] * _CONCURRENT, concurrency=_CONCURRENT, headers=lines)
    for given, exchange in zip(ids, concurrent, strict=True):
        answers.append((f"the request with id {given}", given, exchange))
    bad = make_bad_request(ai_client.request(), "empty_body").request
    answers += [(f"wrong request {number}", "", ai_client.send(bad)) for number in (1, 2)]
    return trace.judge_request_ids(header, answers, ai_client.show)
