"""One request in the many legal forms of HTTP/1.1 (RFC 9110, 9112): each is answered as the plain one is."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from harness.checks.common import Show, alive, case, clearly_refused, declined, judge, told
from harness.checks.comparison import alone, owner_of, parts_of, said
from harness.core.errors import ErrorClass
from harness.core.exchange import Exchange, Headers
from harness.core.verdict import Verdict, judge_contract, make_inconclusive

MOMENT = 0.004
"""Seconds between two packets: enough for the first to be read alone."""

Pieces = list[bytes | float]


@dataclass(frozen=True, slots=True)
class _Form:
    """A legal way to send a request: header lines in place of its own, and how head and body go over the wire.

    `may_refuse` says that a 4xx is a proper answer to it (an optional feature), `may_close` that so is the end of the
    connection: servers should read over an empty line, which clients must not send (RFC 9112 section 2.2). To fall
    silent over it is bad style, for a hang is no answer, and no more than that.
    """

    write: Callable[[bytes, bytes], Pieces]
    headers: Headers = ()
    may_refuse: bool = False
    may_close: bool = False


def _whole(head: bytes, body: bytes) -> Pieces:
    """In one packet."""
    return [head + body]


def with_line(head: bytes, name: str, value: str | None) -> bytes:
    """The head with a header line set, or taken out where `value` is None."""
    found = re.sub(rb"(?im)^" + name.encode() + rb":[^\r]*\r\n", b"", head)
    line = b"" if value is None else f"{name}: {value}\r\n".encode()
    return found[:-2] + line + b"\r\n"


def sized(head: bytes, body: bytes) -> bytes:
    """Head and body with the body's own Content-Length."""
    return with_line(head, "Content-Length", str(len(body))) + body


def in_chunks(body: bytes) -> bytes:
    """The body in the chunked transfer coding (RFC 9112 section 7.1), in some eight chunks."""
    step = max(11, len(body) // 8)
    parts = [body[at : at + step] for at in range(0, len(body), step)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def _chunked(head: bytes, body: bytes) -> Pieces:
    head = with_line(with_line(head, "Content-Length", None), "Transfer-Encoding", "chunked")
    coded = in_chunks(body)
    return [head, MOMENT, coded[: len(coded) // 2], MOMENT, coded[len(coded) // 2 :]]


def _packets(head: bytes, body: bytes) -> Pieces:
    """Cut inside numbers and inside characters of several bytes, which JSON's escapes are spelt out for."""
    if b"\\u" in body:
        body = json.dumps(json.loads(body), ensure_ascii=False).encode()
    inside = [match.start() + 1 for match in re.finditer(rb"[\xc2-\xf4][\x80-\xbf]+", body)][:6]
    inside += [match.start() + 1 for match in re.finditer(rb"\d\.?\d", body)][:6]
    cuts = sorted({0, 1, *inside, len(body) - 1, len(body)})
    found: Pieces = [sized(head, body)[: -len(body)]]
    for one, other in pairwise(cuts):
        found += [MOMENT, body[one:other]]
    return found


def _head_in_parts(head: bytes, body: bytes) -> Pieces:
    cuts = [0, 3, head.index(b"\r\n") + 1, head.index(b":") - 2, len(head) - 3, len(head) - 1, len(head)]
    found: Pieces = []
    for one, other in pairwise(cuts):
        found += [head[one:other], MOMENT]
    return [*found, body]


def _expecting(head: bytes, body: bytes) -> Pieces:
    # A client need not wait for the 100 without end (RFC 9110 section 10.1.1).
    return [with_line(head, "Expect", "100-continue"), 0.1, body]


def _odd_case(head: bytes, body: bytes) -> Pieces:
    first, _, lines = head.partition(b"\r\n")
    odd = re.sub(rb"(?m)^([\w-]+): *([^\r]*)", lambda line: line[1].swapcase() + b":  " + line[2] + b" \t", lines)
    return [first + b"\r\n" + odd + body]


def _old(head: bytes, body: bytes) -> Pieces:
    return [head.replace(b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", 1) + body]


def _absolute(head: bytes, body: bytes) -> Pieces:
    host = re.search(rb"(?im)^host: *([^\r]*)", head)
    assert host is not None
    return [head.replace(b" /", b" http://" + host[1] + b"/", 1) + body]


def _zipped(head: bytes, body: bytes) -> Pieces:
    return [sized(with_line(head, "Content-Encoding", "gzip"), gzip.compress(body, mtime=0))]


FORMS: Mapping[str, _Form] = {
    "no Accept-Encoding": _Form(lambda head, body: [with_line(head, "Accept-Encoding", None) + body]),
    "Accept-Encoding: gzip": _Form(_whole, (("Accept-Encoding", "gzip"),)),
    "Accept-Encoding: identity": _Form(_whole, (("Accept-Encoding", "identity"),)),
    "a charset in the content type": _Form(_whole, (("content-type", "application/json; charset=utf-8"),)),
    "a chunked body": _Form(_chunked),
    "a body in many packets": _Form(_packets),
    "a head in many packets": _Form(_head_in_parts),
    "Expect: 100-continue": _Form(_expecting),
    "Connection: close": _Form(_whole, (("Connection", "close"),)),
    "HTTP/1.0": _Form(_old),
    "names in odd case, values with blanks": _Form(_odd_case),
    "repeated headers": _Form(
        _whole, (("Accept", "application/json"), ("Accept", "*/*;q=0.5"), ("X-A", "1"), ("X-A", "2"))
    ),
    "an empty line before the request": _Form(
        lambda head, body: [b"\r\n" + head + body], may_refuse=True, may_close=True
    ),
    "an absolute target": _Form(_absolute, may_refuse=True),
    "a gzip body": _Form(_zipped, may_refuse=True),
}
"""The legal forms, by what is odd in them."""


@dataclass(frozen=True, slots=True)
class Known:
    """What each of a few inputs is answered when it is asked plainly, twice.

    `worded`: a language model that is not promised to be deterministic may word an answer otherwise; then only another
    input's answer, or its mark without the own one, is wrong. `marks` are given one an input, or none.
    """

    first: Sequence[Exchange]
    again: Sequence[Exchange]
    marks: Sequence[str] = ()
    worded: bool = False

    def apart(self) -> tuple[list[int], str]:
        """Inputs that their answers tell apart, and why there are none."""
        return alone(self.first, self.again)

    def lost(self) -> Exchange | None:
        """The first plain request that has no answer to compare with."""
        return next((each for each in (*self.first, *self.again) if said(each.answer) is None or not each.ok), None)

    def missing(self) -> str:
        """Why there is no answer to compare with, or an empty text."""
        lost = self.lost()
        return f"asked plainly, there is no answer to compare with: {told(lost)}" if lost else ""

    def repeats(self) -> bool:
        """Whether each input got the same answer twice."""
        pairs = zip(self.first, self.again, strict=True)
        return all(parts_of(said(one.answer), said(other.answer)) is None for one, other in pairs)

    def wrong(self, own: int, exchange: Exchange) -> str:
        """What is wrong with a valid answer to this input, or an empty text."""
        answers, got = [said(each.answer) for each in self.first], said(exchange.answer)
        parts = parts_of(answers[own], got)
        if parts is None or not self.repeats():
            return ""
        held = [other for other, mark in enumerate(self.marks) if isinstance(got, str) and mark in got]
        if own in held:
            return ""
        owner = owner_of(got, answers)
        owner = held[0] if owner is None and held else owner
        if owner is not None:
            return f"it got the answer to another request (input {owner} for input {own})"
        return "" if self.worded and isinstance(got, str) else f"it is answered otherwise than plainly: {parts}"


def refused(exchange: Exchange) -> bool:
    """Whether it was declined in whole HTTP: an error status, whatever else may have come after it."""
    return exchange.status is not None and exchange.status >= 400


@judge
def answered_alike(known: Known, forms: Mapping[str, Exchange], after: Exchange, show: Show) -> Verdict:
    """Each form is answered as the plain request is, or refused with an error status: nothing is misread or dropped.

    `after` is the plain request once more at the end. A 429 leaves a form unjudged.
    """
    if lost := known.lost():
        if lost.ok or refused(lost):
            return make_inconclusive(known.missing(), n=0)
        # Not an error that the service tells of: an answer that is cut, garbled or does not end where it says.
        return judge_contract(
            [case("plain", lost, f"asked plainly, it is not answered validly: {told(lost)}", show)], ""
        )
    cases = []
    for name, exchange in forms.items():
        problem = _misread(known, name, exchange)
        cases.append(case(name, exchange, problem and f"{name}: {problem}", show, declined(exchange, (429,))))
    cases.append(alive(after, show, "after all forms the plain request is not answered"))
    taken = sum(exchange.ok for exchange in forms.values())
    if not taken and not any(each.counterexample for each in cases):
        return make_inconclusive(f"all {len(forms)} forms are refused: none could be misread", n=0)
    alike = "as the plain request" if known.repeats() else "validly (the service does not repeat itself)"
    return judge_contract(
        cases, f"{taken} of {len(forms)} legal forms are answered {alike}, the others clearly refused"
    )


def _misread(known: Known, name: str, exchange: Exchange) -> str:
    if refused(exchange) or _closed(name, exchange) or _silent(name, exchange):
        return ""
    if not exchange.ok:
        return f"a legal form is not answered validly: {told(exchange)}"
    coding = exchange.response.header("content-encoding") if exchange.response else None
    if "identity" in name and coding not in (None, "identity"):
        return f"the answer is in {coding}, which was ruled out"
    return known.wrong(0, exchange)


def _closed(name: str, exchange: Exchange) -> bool:
    return FORMS[name].may_close and exchange.response is None and exchange.error is ErrorClass.CLOSED


def _silent(name: str, exchange: Exchange) -> bool:
    silence = (ErrorClass.FIRST_BYTE_TIMEOUT, ErrorClass.TOTAL_TIMEOUT)
    return FORMS[name].may_close and exchange.response is None and exchange.error in silence


@judge
def accepted(known: Known, forms: Mapping[str, Exchange], show: Show) -> Verdict:
    """Each legal form is accepted; the optional ones may be refused with a 4xx, and HTTP/1.0 gets no chunks."""
    if why := known.missing():
        return make_inconclusive(why, n=0)
    cases = []
    for name, exchange in forms.items():
        problem = ""
        silent = _silent(name, exchange)
        unseen = exchange.status in (429, None) and not (silent or _closed(name, exchange))
        optional = FORMS[name].may_refuse and (clearly_refused(exchange) or exchange.status == 501)
        if refused(exchange) and not optional:
            problem = f"{name}: a legal form is refused: {told(exchange)}"
        elif silent:
            problem = f"{name}: neither answered nor refused: {told(exchange)}"
        elif name == "HTTP/1.0" and exchange.response and exchange.response.header("transfer-encoding"):
            # RFC 9112 section 6.1: such a client cannot tell where the answer ends.
            problem = "HTTP/1.0: it is answered in a transfer coding, which came with HTTP/1.1"
        cases.append(case(name, exchange, problem, show, told(exchange) if unseen else ""))
    taken = sum(exchange.ok for exchange in forms.values())
    return judge_contract(cases, f"{taken} of {len(forms)} legal forms of HTTP are accepted, the others are optional")


@judge
def own_in_turn(
    known: Known, turns: Sequence[tuple[int, Exchange]], piped: Sequence[tuple[int, Exchange]], show: Show
) -> Verdict:
    """Requests sent over one connection, one after another or all at once, are each given their own answer, in order.

    What was sent at once and is not answered, or refused, is no wrong answer: a server may end the connection behind
    the first (RFC 9112 section 9.3.2).
    """
    kept, why = known.apart()
    if why:
        return make_inconclusive(why, n=0)
    cases = []
    for number, (own, exchange) in enumerate(turns):
        name = f"request {number} of one connection (input {own})"
        cases.append(case(name, exchange, _not_own(known, own, name, exchange), show, declined(exchange)))
    for number, (own, exchange) in enumerate(piped):
        name = f"request {number} of {len(piped)} sent at once (input {own})"
        if not unanswered(exchange, number):
            cases.append(case(name, exchange, _not_own(known, own, name, exchange), show))
    what = f"{len(cases)} requests over kept connections each got their own answer, in order"
    return judge_contract(cases, what, distinct=len(kept))


def _not_own(known: Known, own: int, name: str, exchange: Exchange) -> str:
    problem = known.wrong(own, exchange) if exchange.ok else f"not answered validly: {told(exchange)}"
    return problem and f"{name}: {problem}"


def unanswered(exchange: Exchange, number: int) -> bool:
    """Whether a request sent behind others was not taken up: refused, or the connection ended or fell silent."""
    silent = (ErrorClass.CLOSED, ErrorClass.FIRST_BYTE_TIMEOUT, ErrorClass.TOTAL_TIMEOUT)
    return refused(exchange) or (number > 0 and exchange.response is None and exchange.error in silent)


@judge
def pipelined(piped: Sequence[tuple[int, Exchange]], show: Show) -> Verdict:
    """Requests sent at once over one connection are all answered; unjudged where the connection is ended behind one."""
    cases = []
    for number, (_, exchange) in enumerate(piped):
        name = f"request {number} of {len(piped)} sent at once"
        ended = exchange.error is ErrorClass.CLOSED and exchange.response is None
        problem = "" if exchange.ok else f"{name} is not answered: {told(exchange)}"
        unjudged = told(exchange) if number > 0 and ended else declined(exchange)
        cases.append(case(name, exchange, problem, show, unjudged))
    return judge_contract(cases, f"{len(piped)} requests sent at once over one connection are all answered", distinct=1)
