"""Clean errors: wrong requests are refused as such, nothing internal leaks, and all errors have one shape."""

from __future__ import annotations

import re
from collections.abc import Mapping

from harness.checks.common import (
    TOO_MANY_REQUESTS,
    Show,
    explain_decline,
    has_counterexample,
    is_clear_refusal,
    judge,
    judge_case,
)
from harness.core.errors import ErrorClass, ProtocolError
from harness.core.exchange import Exchange
from harness.core.json_text import parse_json
from harness.core.verdict import Case, Verdict, judge_contract, make_inconclusive

_LEAKS = (
    ("a Python traceback", re.compile(r"Traceback \(most recent call last\)|\bFile \"[^\"]+\", line \d+")),
    ("a Java stack trace", re.compile(r"\bat [\w$.]+\([\w$]+\.java:\d+\)")),
    ("a Go stack trace", re.compile(r"goroutine \d+ \[|\.go:\d+ \+0x")),
    ("a Node.js stack trace", re.compile(r"\n\s+at .+\(.*\.[cm]?js:\d+:\d+\)")),
    (
        "a file path of the server",
        re.compile(r"(?<![\w:/.])/(?:home|root|usr|opt|var|app|srv|tmp|site-packages|mnt)/[\w.-]+/[\w./-]+"),
    ),
    ("a Windows path of the server", re.compile(r"\b[A-Z]:\\\\?(?:Users|Program Files|inetpub)\\")),
    (
        "a software version",
        re.compile(r"\b(?:Python|Werkzeug|uvicorn|gunicorn|Flask|Tornado|Jetty|nginx|Apache)/\d+\.\d+"),
    ),
)
"""What no error may show, and how it is recognised."""


def find_leak(body: str | bytes) -> str | None:
    """The first internal detail that a body shows, or None."""
    text = body if isinstance(body, str) else body.decode("utf-8", "replace")
    for what, pattern in _LEAKS:
        if match := pattern.search(text):
            return f"{what} ({match[0][:80].strip()!r})"
    return None


def find_stack_trace(exchange: Exchange) -> str | None:
    """The traceback or stack trace that an error shows, or None."""
    if exchange.response is None or exchange.response.status < 400:
        return None
    leak = find_leak(exchange.response.body)
    return leak if leak and is_stack_trace(leak) else None


def is_stack_trace(leak: str) -> bool:
    """Whether a leak, as `find_leak` names it, is a traceback or a stack trace."""
    return "trace" in leak.partition(" (")[0]


@judge
def judge_leaks(answers: Mapping[str, Exchange], show: Show) -> Verdict:
    """No error that answers a wrong request shows a traceback, a path or a version of the server's software.

    A wrong request that is accepted has no error to look at; without a single error the check is INCONCLUSIVE. A 429 is
    no answer to what is wrong with a request, but what it shows counts.
    """
    cases, errors = [], 0
    for name, exchange in answers.items():
        if exchange.response is None:
            cases.append(Case(name, unjudged=exchange.outcome))
            continue
        leak = find_leak(exchange.response.body)
        is_error = exchange.response.status >= 400
        if is_error or leak:
            cases.append(judge_case(name, exchange, leak and f"the answer to {name} shows {leak}", show))
        errors += is_error and not explain_decline(exchange, (TOO_MANY_REQUESTS,))
    if not errors and not has_counterexample(cases):
        outcomes = "; ".join(f"{name}: {exchange.outcome}" for name, exchange in answers.items())
        return make_inconclusive(
            f"no wrong request was answered with an error that could be looked at: {outcomes}", n=0
        )
    answered = f"{errors} of {len(answers)} wrong requests were answered with an error"
    return judge_contract(cases, f"{answered}; what these {errors} errors say shows nothing internal")


@judge
def judge_refusals(answers: Mapping[str, Exchange], show: Show) -> Verdict:
    """Each wrong request is refused with a 4xx: not with a 5xx, not silently accepted, not left without an answer."""
    cases = []
    for name, exchange in answers.items():
        problem = "" if is_clear_refusal(exchange) else f"{name} is not refused with a 4xx: {exchange.outcome}"
        unjudged = explain_decline(exchange, (TOO_MANY_REQUESTS,))
        cases.append(judge_case(name, exchange, problem, show, unjudged))
    return judge_contract(cases, f"{len(cases)} wrong requests are each refused with a 4xx")


@judge
def judge_error_shape(answers: Mapping[str, Exchange], show: Show) -> Verdict:
    """The errors are JSON objects with the same keys, so that a client needs only one way to read them.

    One error has no other to share its shape with.
    """
    shapes: dict[str, str] = {}
    cases = []
    for name, exchange in answers.items():
        if why := explain_decline(exchange, (TOO_MANY_REQUESTS,)):
            cases.append(Case(name, unjudged=why))
            continue
        if exchange.response is None or exchange.error is not ErrorClass.STATUS:
            cases.append(Case(name, unjudged=f"not an error answer: {exchange.outcome}"))
            continue
        shape, problem = _describe_shape(exchange.response.body), None
        first = next(iter(shapes), None)
        if shape is None:
            problem = f"the error for {name} is not a JSON object"
        elif first is not None and shapes[first] != shape:
            problem = f"the error for {name} has the shape {shape}, the one for {first} {shapes[first]}"
        else:
            shapes[name] = shape
        cases.append(judge_case(name, exchange, problem, show))
    if len(answers) < 2 and not has_counterexample(cases):
        return make_inconclusive(f"{len(answers)} wrong requests are sent: no two errors could be compared", n=0)
    return judge_contract(cases, f"{len(cases)} errors share the shape {next(iter(shapes.values()), '')}")


def _describe_shape(body: bytes) -> str | None:
    try:
        value = parse_json(body)
    except ProtocolError:
        return None
    if not isinstance(value, dict):
        return None
    inner = value.get("error")
    if isinstance(inner, dict):
        return "{error: {" + ", ".join(sorted(inner)) + "}}"
    return "{" + ", ".join(sorted(map(str, value))) + "}"
