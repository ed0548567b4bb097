"""Bytes that are not valid HTTP: they harm no other client, and the service refuses them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.checks.bad_input.clean_errors import find_leak
from harness.checks.common import (
    TOO_MANY_REQUESTS,
    Show,
    explain_decline,
    is_clear_refusal,
    judge,
    judge_case,
    judge_last_request,
)
from harness.checks.control import Control
from harness.checks.http.legal_forms import Pieces, announce_chunks, encode_chunks, set_header, set_length
from harness.core.errors import ErrorClass
from harness.core.exchange import Exchange
from harness.core.verdict import Counterexample, Verdict, judge_contract, make_inconclusive

PATIENCE = 0.5
"""Seconds to wait for the refusal of an incomplete request; a service may also wait for the rest of it."""

_HUGE = 64 * 1024
"""Bytes of one header, far more than servers accept (8 to 16 KiB)."""


@dataclass(frozen=True, slots=True)
class MalformedRequest:
    """Invalid bytes made from a valid request's head and body.

    `may_wait`: the service may wait for more, so it is given only `PATIENCE`. `may_accept`: an answer is as proper as a
    refusal. `may_close`: closing the connection without an answer is a proper refusal. `needs_body`: what is wrong is
    the body, so that a request without one cannot be so.
    """

    write: Callable[[bytes, bytes], Pieces]
    may_wait: bool = False
    may_accept: bool = False
    may_close: bool = False
    needs_body: bool = False


def _write_length(choose: Callable[[bytes], int]) -> Callable[[bytes, bytes], Pieces]:
    """Write the request with a Content-Length that is chosen for its body."""
    return lambda head, body: [set_header(head, "Content-Length", str(choose(body))) + body]


def _write_bad_chunk(head: bytes, body: bytes) -> Pieces:
    return [announce_chunks(head) + b"five\r\n" + body[:5] + b"\r\n0\r\n\r\n"]


MALFORMED_REQUESTS: Mapping[str, MalformedRequest] = {
    "garbage": MalformedRequest(
        lambda head, body: [bytes(range(128, 256)) + b"\r\n\r\n"], may_wait=True, may_close=True
    ),
    "a body shorter than its Content-Length": MalformedRequest(
        _write_length(lambda body: len(body) + 64), may_wait=True, may_accept=True
    ),
    "a body longer than its Content-Length": MalformedRequest(
        _write_length(lambda body: len(body) - 9), needs_body=True
    ),
    "a negative Content-Length": MalformedRequest(
        _write_length(lambda body: -len(body)), may_wait=True, needs_body=True
    ),
    "a Content-Length of 2^63": MalformedRequest(_write_length(lambda body: 2**63), may_wait=True, may_accept=True),
    "two unlike Content-Lengths": MalformedRequest(
        lambda head, body: [head[:-2] + b"Content-Length: %d\r\n\r\n" % (len(body) - 9) + body], needs_body=True
    ),
    "a chunk without a size": MalformedRequest(_write_bad_chunk, needs_body=True),
    "no Host": MalformedRequest(lambda head, body: [set_header(head, "Host", None) + body]),
    "a header of 64 KiB": MalformedRequest(
        lambda head, body: [set_header(head, "X-Filler", "x" * _HUGE) + body], may_accept=True
    ),
}
"""Invalid requests by name."""


def select_malformed(body: bytes) -> Mapping[str, MalformedRequest]:
    """The invalid requests that can be made from a valid one with this body."""
    return {name: wrong for name, wrong in MALFORMED_REQUESTS.items() if body or not wrong.needs_body}


def smuggle_request(other: bytes) -> Callable[[bytes, bytes], Pieces]:
    """Write a request with both Transfer-Encoding and Content-Length, and a second one (body `other`) inside it.

    By the Content-Length the second request is a part of the body; by the chunks it follows the first request. A server
    that goes by the chunks executes what was never sent as a request (RFC 9112 section 6.1 and 11.2).
    """

    def write(head: bytes, body: bytes) -> Pieces:
        content = encode_chunks(body) + set_length(head, other)
        with_length = set_header(head, "Content-Length", str(len(content)))
        return [set_header(with_length, "Transfer-Encoding", "chunked") + content]

    return write


@judge
def judge_malformed_harm(
    control: Control, probes: Sequence[tuple[str, Exchange, Exchange]], after: Exchange, show: Show
) -> Verdict:
    """While a connection with invalid bytes is open, and after it, a plain request gets its own answer.

    A probe is (name, the answer to the invalid bytes, the plain request sent meanwhile). The answer to the invalid
    bytes must not be that of another request, and must show nothing internal; nothing else is required of it.
    """
    if why := control.explain_empty():
        return make_inconclusive(why, n=0)
    cases = []
    for name, exchange, meanwhile in probes:
        if problem := _find_bad_answer(control, exchange):
            cases.append(judge_case(name, exchange, f"{name}: {problem}", show))
            continue
        if not meanwhile.ok:
            problem = f"{name}: meanwhile a plain request on another connection fails: {meanwhile.outcome}"
        elif wrong := control.find_wrong_answer(0, meanwhile):
            problem = f"{name}: a plain request on another connection: {wrong}"
        cases.append(judge_case(name, meanwhile, problem, show, explain_decline(meanwhile, (TOO_MANY_REQUESTS,))))
    failure = "after all invalid bytes a plain request is not answered"
    cases.append(judge_last_request(after, show, failure, control.find_wrong_answer(0, after) if after.ok else None))
    return judge_contract(cases, f"{len(probes)} kinds of invalid bytes harmed no other client")


def _find_bad_answer(control: Control, exchange: Exchange) -> str:
    response = exchange.response
    if response is None:
        return ""
    leak = find_leak(response.body) if response.status >= 400 else None
    if leak:
        return f"the answer shows {leak}"
    if exchange.answer is None or control.find_other_input(0, exchange) is None:
        return ""
    return control.find_wrong_answer(0, exchange)


@judge
def judge_malformed_refusals(control: Control, answers: Mapping[str, Exchange], show: Show) -> Verdict:
    """Invalid bytes are refused with a 4xx (or 501, 505), so that a proxy in front cannot read them differently."""
    if why := control.explain_empty():
        return make_inconclusive(why, n=0)
    cases, refused, accepted = [], 0, 0
    for name, exchange in answers.items():
        malformed = MALFORMED_REQUESTS[name]
        proper = is_clear_refusal(exchange) or exchange.status in (501, 505)
        if exchange.status is None:
            proper = malformed.may_close or (malformed.may_accept and malformed.may_wait)
        elif exchange.ok:
            proper = malformed.may_accept
        problem = "" if proper else f"{name} is not refused with a 4xx: {exchange.outcome}"
        cases.append(judge_case(name, exchange, problem, show, explain_decline(exchange, (TOO_MANY_REQUESTS,))))
        accepted += exchange.ok
        refused += exchange.status is not None and not exchange.ok
    parts = [f"{refused} of {len(cases)} kinds of invalid bytes are refused"]
    if accepted:
        parts.append(f"{accepted} are accepted, as they may be")
    if unanswered := len(cases) - refused - accepted:
        parts.append(f"{unanswered} get no answer, which is allowed for them")
    return judge_contract(cases, ", ".join(parts))


@judge
def judge_smuggling(control: Control, answers: Sequence[Exchange], show: Show, command: str | None = None) -> Verdict:
    """A second request, hidden after the last chunk of a request with both lengths, is not executed.

    The service refuses it, or closes the connection after the first answer. `answers` are the first and the second.
    `command` writes the same bytes again: curl does not write two requests into one.
    """

    def show_bytes(words: str, exchange: Exchange) -> Counterexample:
        return replace(show(words, exchange), curl=command)

    if why := control.explain_empty():
        return make_inconclusive(why, n=0)
    first, second = answers
    problem = ""
    if first.ok and second.status is not None and second.status < 400:
        problem = "the bytes after the last chunk, a part of the body by its Content-Length, are executed as a request"
    unjudged = explain_decline(first, (TOO_MANY_REQUESTS,))
    how = f"is read as one request (what follows gets {second.status or 'no answer'})"
    if first.status is None and first.error is not ErrorClass.CLOSED:
        unjudged = first.outcome
    elif not first.ok:
        how = f"is not carried out: {first.outcome}"
    cases = [judge_case("smuggled", second, problem, show_bytes, unjudged)]
    return judge_contract(cases, f"a request that hides another one in its body {how}")
