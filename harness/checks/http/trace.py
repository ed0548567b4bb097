"""Trace headers: W3C Trace Context is taken as it is, and request ids tell answers apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.checks.common import Show, case, declined, judge, told
from harness.checks.http.legal_forms import Known, refused
from harness.core.exchange import Exchange, Headers
from harness.core.verdict import Case, Verdict, judge_contract, make_inconclusive

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

VALID: Mapping[str, Headers] = {
    "a traceparent": (("traceparent", PARENT),),
    "a traceparent and a tracestate": (
        ("traceparent", PARENT),
        ("tracestate", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"),
    ),
    "a traceparent of a later version": (("traceparent", "cc" + PARENT[2:] + "-what-the-future-will-be-like"),),
    "an empty tracestate": (("traceparent", PARENT), ("tracestate", "")),
}
"""What a receiver must take (W3C Trace Context, sections 3.2 and 3.3)."""

MALFORMED: Mapping[str, Headers] = {
    "a traceparent that is none": (("traceparent", "hello"),),
    "an empty traceparent": (("traceparent", ""),),
    "a trace id of zeros": (("traceparent", f"00-{'0' * 32}-00f067aa0ba902b7-01"),),
    "the forbidden version ff": (("traceparent", "ff" + PARENT[2:]),),
    "a traceparent in capitals": (("traceparent", PARENT.upper()),),
    "two traceparents": (("traceparent", PARENT), ("traceparent", PARENT.replace("4bf9", "4bf8"))),
    "a tracestate of 40 members": (("traceparent", PARENT), ("tracestate", ",".join(f"a{n}=1" for n in range(40)))),
    "a tracestate that is none": (("traceparent", PARENT), ("tracestate", "=;,\x7e=")),
    "a very long tracestate": (("traceparent", PARENT), ("tracestate", "a=" + "x" * 4000)),
}
"""What a receiver ignores and starts a trace of its own for (section 4.3)."""


@judge
def traced(known: Known, answers: Mapping[str, Exchange], show: Show) -> Verdict:
    """With trace headers a request is answered as without; malformed ones may at worst be refused."""
    if why := known.missing():
        return make_inconclusive(why, n=0)
    cases = []
    for name, exchange in answers.items():
        problem = ""
        if not (exchange.ok or (name in MALFORMED and refused(exchange))):
            problem = f"with {name} it is not answered: {told(exchange)}"
        elif exchange.ok and (wrong := known.wrong(0, exchange)):
            problem = f"with {name}: {wrong}"
        cases.append(case(name, exchange, problem, show, declined(exchange)))
    return judge_contract(cases, f"with {len(cases)} kinds of trace headers a request is answered as without")


@judge
def ignored(known: Known, answers: Mapping[str, Exchange], show: Show) -> Verdict:
    """A request with malformed trace headers is answered: the headers are ignored, not the request."""
    if why := known.missing():
        return make_inconclusive(why, n=0)
    cases = []
    for name in MALFORMED:
        exchange = answers[name]
        problem = "" if exchange.ok else f"{name} is refused: {told(exchange)}"
        cases.append(case(name, exchange, problem, show, declined(exchange)))
    return judge_contract(cases, f"{len(cases)} kinds of malformed trace headers are ignored")


@judge
def identified(header: str, answers: Sequence[tuple[str, str, Exchange]], show: Show) -> Verdict:
    """Every answer, errors included, carries the header with an id of its own.

    An answer is (what it answers, the id that was given in the request or an empty text, the exchange). A given id
    comes back, or a fresh one in its place; never another request's.
    """
    cases: list[Case] = []
    seen: dict[str, str] = {}
    owners = {given: name for name, given, _ in answers if given}
    for name, _, exchange in answers:
        if exchange.response is None:
            cases.append(Case(name, unjudged=told(exchange)))
            continue
        found, problem = exchange.response.header(header) or "", ""
        if not found.strip():
            problem = f"the answer to {name} has no {header}"
        elif owners.get(found, name) != name:
            problem = f"the answer to {name} carries the {header} that {owners[found]} gave"
        elif found in seen:
            problem = f"the answer to {name} carries the same {header} as the one to {seen[found]}"
        seen.setdefault(found, name)
        cases.append(case(name, exchange, problem, show))
    return judge_contract(cases, f"{len(cases)} answers each carry a {header} of their own")
