"""Clean errors: wrong requests are refused as such, nothing internal leaks, and errors have one shape."""

from __future__ import annotations

import re
from collections.abc import Mapping

from harness.checks.common import Show, not_judged, told
from harness.core.errors import ErrorClass, ProtocolError
from harness.core.exchange import Exchange
from harness.core.jsontext import parse
from harness.core.verdict import Case, Verdict, contract

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
"""What no error may show, with how it is recognised."""


def leak(body: str) -> str | None:
    """The first internal thing that an error's body shows, or None."""
    for what, pattern in _LEAKS:
        if match := pattern.search(body):
            return f"{what} ({match[0][:80].strip()!r})"
    return None


def nothing_leaks(answers: Mapping[str, Exchange], show: Show) -> Verdict:
    """No answer to a wrong request shows a traceback, a path or a version of the server's software."""
    if found := not_judged(*answers.values()):
        return found
    cases = []
    for name, exchange in answers.items():
        if exchange.response is None:
            cases.append(Case(name, unjudged=told(exchange)))
            continue
        found_leak = leak(exchange.response.body.decode("utf-8", "replace"))
        cases.append(Case(name, show(f"the answer to {name} shows {found_leak}", exchange) if found_leak else None))
    return contract(cases, f"{len(cases)} errors show nothing internal")


def refused(answers: Mapping[str, Exchange], show: Show) -> Verdict:
    """Each wrong request is refused with a 4xx: not with a 5xx, not silently accepted, not left without an answer."""
    if found := not_judged(*answers.values()):
        return found
    cases = []
    for name, exchange in answers.items():
        clear = exchange.status is not None and 400 <= exchange.status < 500
        cases.append(
            Case(name, None if clear else show(f"{name} is not refused with a 4xx: {told(exchange)}", exchange))
        )
    return contract(cases, f"{len(cases)} wrong requests are each refused with a 4xx")


def one_shape(answers: Mapping[str, Exchange], show: Show) -> Verdict:
    """The errors are JSON objects with the same keys, so that a client needs one way to read them."""
    if found := not_judged(*answers.values()):
        return found
    shapes: dict[str, str] = {}
    cases = []
    for name, exchange in answers.items():
        if exchange.response is None or exchange.error is not ErrorClass.STATUS:
            cases.append(Case(name, unjudged=f"no error answer: {told(exchange)}"))
            continue
        shape = _shape(exchange.response.body)
        first = next(iter(shapes), None)
        problem = None
        if shape is None:
            problem = f"the error for {name} is no JSON object"
        elif first is not None and shapes[first] != shape:
            problem = f"the error for {name} has the shape {shape}, the one for {first} {shapes[first]}"
        else:
            shapes[name] = shape
        cases.append(Case(name, show(problem, exchange) if problem else None))
    return contract(cases, f"{len(cases)} errors share the shape {next(iter(shapes.values()), '')}")


def _shape(body: bytes) -> str | None:
    try:
        value = parse(body)
    except ProtocolError:
        return None
    if not isinstance(value, dict):
        return None
    inner = value.get("error")
    if isinstance(inner, dict):
        return "{error: {" + ", ".join(sorted(inner)) + "}}"
    return "{" + ", ".join(sorted(map(str, value))) + "}"
