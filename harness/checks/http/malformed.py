"""Bytes that are no proper HTTP: whatever becomes of them, nobody else is harmed, and they are refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.checks.bad_input.clean_errors import leak
from harness.checks.common import Show, case, declined, judge, told
from harness.checks.http.legal_forms import Known, Pieces, in_chunks, sized, with_line
from harness.core.exchange import Exchange
from harness.core.verdict import Verdict, judge_contract, make_inconclusive

PATIENCE = 0.5
"""Seconds in which a request that cannot be whole may be refused; waiting for the rest of it is no mistake."""

HUGE = 64 * 1024
"""Bytes of one header that is far over what servers take (8 to 16 KiB)."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """Wrong bytes made of a valid request's head and body.

    `waits`: the service may wait for more, so it is given `PATIENCE` and no more. `legal`: an answer is as proper as a
    refusal. `closes`: ending the connection without a word is refusal enough.
    """

    write: Callable[[bytes, bytes], Pieces]
    waits: bool = False
    legal: bool = False
    closes: bool = False


def _with_length(value: Callable[[bytes], int]) -> Callable[[bytes, bytes], Pieces]:
    return lambda head, body: [with_line(head, "Content-Length", str(value(body))) + body]


def _bad_chunk(head: bytes, body: bytes) -> Pieces:
    head = with_line(with_line(head, "Content-Length", None), "Transfer-Encoding", "chunked")
    return [head + b"five\r\n" + body[:5] + b"\r\n0\r\n\r\n"]


WRONG: Mapping[str, Wrong] = {
    "garbage": Wrong(lambda head, body: [bytes(range(128, 256)) + b"\r\n\r\n"], waits=True, closes=True),
    "a body shorter than its Content-Length": Wrong(_with_length(lambda body: len(body) + 64), waits=True, legal=True),
    "a body longer than its Content-Length": Wrong(_with_length(lambda body: len(body) - 9)),
    "a negative Content-Length": Wrong(_with_length(lambda body: -len(body)), waits=True),
    "a Content-Length of 2^63": Wrong(_with_length(lambda body: 2**63), waits=True, legal=True),
    "two unlike Content-Lengths": Wrong(
        lambda head, body: [head[:-2] + b"Content-Length: %d\r\n\r\n" % (len(body) - 9) + body]
    ),
    "a chunk without a size": Wrong(_bad_chunk),
    "no Host": Wrong(lambda head, body: [with_line(head, "Host", None) + body]),
    "a header of 64 KiB": Wrong(lambda head, body: [with_line(head, "X-Filler", "x" * HUGE) + body], legal=True),
}
"""Wrong bytes by name."""


def smuggled(other: bytes) -> Callable[[bytes, bytes], Pieces]:
    """Both Transfer-Encoding and Content-Length, with a whole second request (body `other`) behind the last chunk.

    By its length the second one belongs to the body; by its chunks it is a request of its own. Who reads it so carries
    out what was never sent as a request (RFC 9112 section 6.1 and 11.2).
    """

    def write(head: bytes, body: bytes) -> Pieces:
        content = in_chunks(body) + sized(head, other)
        both = with_line(with_line(head, "Content-Length", str(len(content))), "Transfer-Encoding", "chunked")
        return [both + content]

    return write


@judge
def harmless(known: Known, probes: Sequence[tuple[str, Exchange, Exchange]], after: Exchange, show: Show) -> Verdict:
    """While a connection with wrong bytes is open, and after it, a plain request gets its own answer.

    A probe is (name, what the wrong bytes were answered, the plain request meanwhile). What they are answered
    themselves must only not be another's answer, nor show anything internal.
    """
    if why := known.missing():
        return make_inconclusive(why, n=0)
    cases = []
    for name, exchange, meanwhile in probes:
        problem, shown = _answered(known, exchange), exchange
        if not problem and not meanwhile.ok and meanwhile.status != 429:
            problem, shown = f"meanwhile a plain request on another connection fails: {told(meanwhile)}", meanwhile
        elif not problem and meanwhile.ok and (wrong := known.wrong(0, meanwhile)):
            problem, shown = f"a plain request on another connection: {wrong}", meanwhile
        unjudged = "" if problem else declined(meanwhile, (429,))
        cases.append(case(name, shown, problem and f"{name}: {problem}", show, unjudged))
    lost = "" if after.ok else f"after all wrong bytes a plain request is not answered: {told(after)}"
    lost = lost or known.wrong(0, after)
    cases.append(case("after", after, lost, show))
    return judge_contract(cases, f"{len(probes)} kinds of wrong bytes harmed nobody else")


def _answered(known: Known, exchange: Exchange) -> str:
    response = exchange.response
    if response is None:
        return ""
    if shown := leak(response.body) if response.status >= 400 else None:
        return f"the answer shows {shown}"
    wrong = known.wrong(0, exchange) if exchange.answer is not None else ""
    return wrong if "another request" in wrong else ""


@judge
def refused(known: Known, answers: Mapping[str, Exchange], show: Show) -> Verdict:
    """Wrong bytes are refused with a 4xx (or 501, 505), so that a proxy in front reads them no other way."""
    if why := known.missing():
        return make_inconclusive(why, n=0)
    cases = []
    for name, exchange in answers.items():
        wrong, status = WRONG[name], exchange.status
        clear = status is not None and (400 <= status < 500 or status in (501, 505))
        silent = status is None and (wrong.closes or (wrong.legal and wrong.waits))
        proper = clear or silent or (wrong.legal and exchange.ok)
        problem = "" if proper else f"{name} is not refused with a 4xx: {told(exchange)}"
        cases.append(case(name, exchange, problem, show, declined(exchange, (429,))))
    return judge_contract(cases, f"{len(cases)} kinds of wrong bytes are refused")


@judge
def not_carried_out(known: Known, answers: Sequence[Exchange], show: Show) -> Verdict:
    """Of a request with both lengths, what stands behind its last chunk is not carried out as a request.

    The service refuses it, or ends the connection behind its answer. `answers` are the first and the second.
    """
    if why := known.missing():
        return make_inconclusive(why, n=0)
    first, second = answers
    problem = ""
    if first.ok and second.status is not None and second.status < 400:
        problem = "what stands behind the last chunk, and by its Content-Length belongs to the body, is carried out"
    cases = [case("smuggled", second, problem, show, declined(first, (429,)))]
    return judge_contract(cases, "a request that hides another one in its body is read as one request, or refused")
