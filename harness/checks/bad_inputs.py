"""Bad inputs: made from a valid request, refused with a clear 4xx, and survived."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from harness.checks.common import Show, not_judged, told
from harness.checks.errors import leak
from harness.core.exchange import Exchange, Request
from harness.core.verdict import Case, Verdict, contract

DEPTH = 20_000
"""Nesting that breaks every parser that recurses without a bound."""


def _top(request: Request) -> tuple[dict[str, Any], str] | None:
    """The body's object and the name of its largest member, which is the input; None where it is no object."""
    value = json.loads(request.body)
    if not isinstance(value, dict) or not value:
        return None
    # A model's name may be longer than the input, and a model that is not there says nothing about inputs.
    return value, max(value, key=lambda name: (name != "model", len(json.dumps(value[name]))))


def _with_input(request: Request, raw: bytes) -> bytes:
    """The body with JSON text in place of its input, or that text alone."""
    if (top := _top(request)) is None:
        return raw
    body, name = top
    mark = "aiharness: the input"
    return json.dumps({**body, name: mark}).encode().replace(json.dumps(mark).encode(), raw)


def _missing(request: Request) -> bytes:
    body, name = _top(request) or ({}, "")
    return json.dumps({key: value for key, value in body.items() if key != name}).encode()


_BODIES: Mapping[str, Callable[[Request], bytes]] = {
    "empty_body": lambda request: b"",
    "truncated_json": lambda request: request.body[: max(1, len(request.body) * 2 // 3)],
    "missing_field": _missing,
    "wrong_input_type": lambda request: _with_input(request, b'{"aiharness":{"is":[true,null]}}'),
    "deep_nesting": lambda request: _with_input(request, b"[" * DEPTH + b"]" * DEPTH),
    "not_json": lambda request: b"<input>1</input>",
}
BAD_INPUTS = tuple(_BODIES)
"""Names of the bad inputs; `not_json` is XML and says so in its content type."""


def spoiled(request: Request, name: str) -> Request:
    """A valid request made bad in one way. Raises `KeyError` for a name that is not in `BAD_INPUTS`."""
    headers = tuple((key, value) for key, value in request.headers if key.lower() != "content-type")
    kind = "application/xml" if name == "not_json" else "application/json"
    return replace(request, body=_BODIES[name](request), headers=(*headers, ("content-type", kind)), stream=False)


def refused_and_alive(name: str, bad: Exchange, after: Exchange, show: Show) -> Verdict:
    """A bad input is refused with a 4xx that shows nothing internal, and a valid request is answered right after.

    The second part is what makes the first one mean something: a service that refuses everything has refused nothing.
    401, 403, 404 and 429 say nothing about the input, and leave it unjudged.
    """
    if broken := not_judged(bad, after):
        return broken
    status, problem, unjudged = bad.status, "", ""
    if status in (401, 403, 404, 429):
        unjudged = f"{status} says nothing about the input"
    elif status is None or not 400 <= status < 500:
        problem = f"{name} is not refused with a 4xx: {told(bad)}"
    elif bad.response is not None and (shown := leak(bad.response.body.decode("utf-8", "replace"))):
        problem = f"the answer to {name} shows {shown}"
    lost = "" if after.ok else f"after {name} a valid request is not answered: {told(after)}"
    declined = lost if after.status == 429 else ""
    return contract(
        [
            Case(name, show(problem, bad) if problem else None, unjudged),
            Case("alive", show(lost, after) if lost and not declined else None, declined),
        ],
        f"{name} is refused with {status}, and a valid request is answered after it",
        distinct=1,
    )
