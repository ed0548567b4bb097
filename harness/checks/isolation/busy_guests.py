"""What is asked of a busy service beside its work: whether it lives, and output by a schema.

Tested in tests/suites/integration/test_mixed.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.checks.common import TOO_MANY_REQUESTS, Show, explain_decline, judge, judge_case
from harness.checks.generation.json_schema import find_text_violation
from harness.checks.generation.text_cases import Unjudged, is_cut, judge_exchange
from harness.core.exchange import Answer, Exchange
from harness.core.verdict import Verdict, judge_contract, make_inconclusive

LIVENESS, STRUCTURED = "liveness", "output by a schema"
"""The kinds of guests."""


@judge
def judge_guests(guests: Sequence[tuple[str, Exchange]], schema: Mapping[str, Any], show: Show) -> Verdict:
    """A busy service says that it is live, as it does when it is idle, and keeps to the schemas of others' requests."""
    if not guests:
        return make_inconclusive("nothing else was asked of the busy service", n=0)

    def find_problem(answer: Answer) -> str | None:
        if is_cut(answer):
            return Unjudged("the answer was cut at its limit of tokens")
        return find_text_violation(answer.text or "", schema)

    cases = []
    for number, (kind, exchange) in enumerate(guests):
        name = f"{kind} {number}"
        if kind == STRUCTURED:
            cases.append(judge_exchange(f"{name}, beside plain requests", exchange, find_problem, show))
            continue
        problem, status = "", exchange.status
        if status is None or status >= 400:
            what = exchange.outcome if status is None else f"HTTP {status}"
            problem = f"GET {exchange.request.path} is not answered as live while the service is busy: {what}"
        cases.append(judge_case(name, exchange, problem, show, explain_decline(exchange, (TOO_MANY_REQUESTS,))))
    return judge_contract(cases, f"{len(cases)} requests for {LIVENESS} or {STRUCTURED} are answered while it is busy")


@judge
def judge_plain_answers(answers: Sequence[Exchange], schema: Mapping[str, Any], show: Show) -> Verdict:
    """No plain request is answered by the schema of a request beside it; alone none of them was."""
    cases = []
    for number, exchange in enumerate(answers):
        by_schema = exchange.ok and find_text_violation(exchange.text, schema) is None
        problem = f"a plain request is answered by the schema of one beside it: {exchange.text!r:.60}" * by_schema
        cases.append(judge_case(f"plain request {number}", exchange, problem, show, explain_decline(exchange)))
    return judge_contract(cases, f"{len(cases)} plain requests are answered without the schema of others")
