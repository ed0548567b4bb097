"""Trace headers: W3C Trace Context changes no answer, and request ids distinguish the answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.checks.common import Show, explain_decline, judge, judge_case, judge_success
from harness.checks.comparison import compare_contents
from harness.checks.control import Control
from harness.checks.http.legal_forms import has_error_status
from harness.core.exchange import Exchange, Headers
from harness.core.verdict import Case, Verdict, judge_contract, make_inconclusive

_PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

VALID_TRACE_HEADERS: Mapping[str, Headers] = {
    "a traceparent": (("traceparent", _PARENT),),
    "a traceparent and a tracestate": (
        ("traceparent", _PARENT),
        ("tracestate", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"),
    ),
    "a traceparent of a later version": (("traceparent", "cc" + _PARENT[2:] + "-what-the-future-will-be-like"),),
    "an empty tracestate": (("traceparent", _PARENT), ("tracestate", "")),
}
"""What a receiver must accept (W3C Trace Context, sections 3.2 and 3.3)."""

MALFORMED_TRACE_HEADERS: Mapping[str, Headers] = {
    "an invalid traceparent": (("traceparent", "hello"),),
    "an empty traceparent": (("traceparent", ""),),
    "a trace id of zeros": (("traceparent", f"00-{'0' * 32}-00f067aa0ba902b7-01"),),
    "the forbidden version ff": (("traceparent", "ff" + _PARENT[2:]),),
    "a traceparent in capitals": (("traceparent", _PARENT.upper()),),
    "two traceparents": (("traceparent", _PARENT), ("traceparent", _PARENT.replace("4bf9", "4bf8"))),
    "a tracestate of 40 members": (("traceparent", _PARENT), ("tracestate", ",".join(f"a{n}=1" for n in range(40)))),
    "an invalid tracestate": (("traceparent", _PARENT), ("tracestate", "=;,\x7e=")),
    "a very long tracestate": (("traceparent", _PARENT), ("tracestate", "a=" + "x" * 4000)),
}
"""What a receiver ignores: it starts a trace of its own (section 4.3)."""


@judge
def judge_trace_headers(control: Control, answers: Mapping[str, Exchange], show: Show) -> Verdict:
    """With trace headers a request has the same answer as without; malformed ones may at worst be refused."""
    if why := control.explain_empty():
        return make_inconclusive(why, n=0)
    cases, equal = [], 0
    for name, exchange in answers.items():
        problem = ""
        equal += exchange.ok and compare_contents(control.contents[0], exchange.content) is None
        if exchange.ok:
            wrong = control.find_wrong_answer(0, exchange)
            problem = wrong and f"with {name}: {wrong}"
        elif name not in MALFORMED_TRACE_HEADERS or not has_error_status(exchange):
            problem = f"a request with {name} is not answered: {exchange.outcome}"
        cases.append(judge_case(name, exchange, problem, show, explain_decline(exchange)))
    holds = f"with {equal} of {len(cases)} kinds of trace headers a request has the same answer as without"
    answered = sum(exchange.ok for exchange in answers.values())
    if equal < answered:
        holds += f"; {answered - equal} have another one, as the service does without them"
    if answered < len(cases):
        holds += f"; {len(cases) - answered} malformed ones are refused"
    return judge_contract(cases, holds)


@judge
def judge_malformed_trace_headers(control: Control, answers: Mapping[str, Exchange], show: Show) -> Verdict:
    """A request with malformed trace headers is answered: the service ignores the headers, and not the request."""
    if why := control.explain_empty():
        return make_inconclusive(why, n=0)
    cases = []
    for name in MALFORMED_TRACE_HEADERS:
        exchange = answers[name]
        failure = f"a request with {name} is refused"
        cases.append(judge_success(name, exchange, failure, show, explain_decline(exchange)))
    return judge_contract(cases, f"{len(cases)} kinds of malformed trace headers are ignored")


@judge
def judge_request_ids(header: str, answers: Sequence[tuple[str, str, Exchange]], show: Show) -> Verdict:
    """Every answer, errors included, carries the header with an id of its own.

    An answer is (what it answers, the id given in the request or an empty text, the exchange). A given id comes back,
    or a fresh one instead of it, but never that of another request.
    """
    cases: list[Case] = []
    seen: dict[str, str] = {}
    owners = {given: name for name, given, _ in answers if given}
    for name, _, exchange in answers:
        if exchange.response is None:
            cases.append(Case(name, unjudged=exchange.outcome))
            continue
        identifier, problem = exchange.response.header(header) or "", ""
        if not identifier.strip():
            problem = f"the answer to {name} has no {header}"
        elif owners.get(identifier, name) != name:
            problem = f"the answer to {name} carries the {header} of {owners[identifier]}"
        elif identifier in seen:
            problem = f"the answer to {name} carries the same {header} as the answer to {seen[identifier]}"
        seen.setdefault(identifier, name)
        cases.append(judge_case(name, exchange, problem, show))
    return judge_contract(cases, f"{len(cases)} answers each carry a {header} of their own")
