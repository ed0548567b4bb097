"""One request in the many legal forms of HTTP/1.1 (RFC 9110, 9112): each is answered as the plain request is."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from harness.checks.common import (
    TOO_MANY_REQUESTS,
    Show,
    explain_decline,
    has_counterexample,
    is_clear_refusal,
    judge,
    judge_case,
    judge_last_request,
    judge_success,
)
from harness.checks.comparison import compare_contents
from harness.checks.control import Control
from harness.core.errors import ErrorClass
from harness.core.exchange import Exchange, Headers
from harness.core.verdict import Verdict, judge_contract, make_inconclusive

_PAUSE = 0.004
"""Seconds between two packets: enough for the first to be read alone."""

Pieces = list[bytes | float]
"""What is written to a connection: bytes, and pauses in seconds."""


@dataclass(frozen=True, slots=True)
class _Form:
    """A legal way to send a request: other header lines, and how head and body are written to the connection.

    `may_refuse`: the form uses an optional feature, so a 4xx is a proper answer. `may_close`: so is the end of the
    connection; servers should skip an empty line before a request, but clients must not send one (RFC 9112 section
    2.2). To send nothing at all is a defect of such a form too, but only a small one. `needs_body`: it changes the body
    or how the body is sent. A GET without a body is not sent so: what a body of a GET means is not defined (RFC 9110
    section 9.3.1), and servers leave one unread.
    """

    write: Callable[[bytes, bytes], Pieces]
    headers: Headers = ()
    may_refuse: bool = False
    may_close: bool = False
    needs_body: bool = False


def set_header(head: bytes, name: str, value: str | None) -> bytes:
    """The head with a header line set, or removed if `value` is None."""
    others = re.sub(rb"(?im)^" + name.encode() + rb":[^\r]*\r\n", b"", head)
    line = b"" if value is None else f"{name}: {value}\r\n".encode()
    return others[:-2] + line + b"\r\n"


def set_length(head: bytes, body: bytes) -> bytes:
    """Head and body with the body's own Content-Length."""
    return set_header(head, "Content-Length", str(len(body))) + body


def encode_chunks(body: bytes) -> bytes:
    """The body in the chunked transfer coding (RFC 9112 section 7.1), in about eight chunks."""
    step = max(11, len(body) // 8)
    coded = b""
    for start in range(0, len(body), step):
        chunk = body[start : start + step]
        coded += b"%x\r\n%s\r\n" % (len(chunk), chunk)
    return coded + b"0\r\n\r\n"


def announce_chunks(head: bytes) -> bytes:
    """The head with Transfer-Encoding in place of Content-Length."""
    return set_header(set_header(head, "Content-Length", None), "Transfer-Encoding", "chunked")


def _write_whole(head: bytes, body: bytes) -> Pieces:
    return [head + body]


def _write_chunked(head: bytes, body: bytes) -> Pieces:
    coded = encode_chunks(body)
    return [announce_chunks(head), _PAUSE, coded[: len(coded) // 2], _PAUSE, coded[len(coded) // 2 :]]


def _write_body_in_packets(head: bytes, body: bytes) -> Pieces:
    """Cuts inside numbers, and inside characters of several bytes: for these JSON's escapes are replaced by UTF-8."""
    if b"\\u" in body:
        body = json.dumps(json.loads(body), ensure_ascii=False).encode()
    whole = set_length(head, body)
    cuts = {place for place in (0, 1, len(body) - 1, len(body)) if 0 <= place <= len(body)}
    for pattern in (rb"[\xc2-\xf4][\x80-\xbf]+", rb"\d\.?\d"):
        cuts.update([match.start() + 1 for match in re.finditer(pattern, body)][:6])
    pieces: Pieces = [whole[: len(whole) - len(body)]]
    for start, end in pairwise(sorted(cuts)):
        pieces += [_PAUSE, body[start:end]]
    return pieces


def _write_head_in_packets(head: bytes, body: bytes) -> Pieces:
    line = head.index(b"\r\n")
    name = head.index(b":", line) - 2  # a colon before it belongs to the target
    cuts = [0, 3, line + 1, name, len(head) - 3, len(head) - 1, len(head)]
    pieces: Pieces = []
    for start, end in pairwise(cuts):
        pieces += [head[start:end], _PAUSE]
    return [*pieces, body]


def _write_expecting(head: bytes, body: bytes) -> Pieces:
    # A client must not wait for the 100 for ever (RFC 9110 section 10.1.1).
    return [set_header(head, "Expect", "100-continue"), 0.1, body]


def _write_odd_case(head: bytes, body: bytes) -> Pieces:
    first, _, lines = head.partition(b"\r\n")
    odd = re.sub(rb"(?m)^([\w-]+): *([^\r]*)", lambda line: line[1].swapcase() + b":  " + line[2] + b" \t", lines)
    return [first + b"\r\n" + odd + body]


def _write_charset(head: bytes, body: bytes) -> Pieces:
    return [re.sub(rb"(?im)^(content-type: *(?!multipart)[^\r;]+)", rb"\1; charset=utf-8", head) + body]


def _write_http_1_0(head: bytes, body: bytes) -> Pieces:
    return [head.replace(b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", 1) + body]


def _write_absolute_target(head: bytes, body: bytes) -> Pieces:
    host = re.search(rb"(?im)^host: *([^\r]*)", head)
    assert host is not None
    return [head.replace(b" /", b" http://" + host[1] + b"/", 1) + body]


def _write_gzip(head: bytes, body: bytes) -> Pieces:
    return [set_length(set_header(head, "Content-Encoding", "gzip"), gzip.compress(body, mtime=0))]


LEGAL_FORMS: Mapping[str, _Form] = {
    "no Accept-Encoding": _Form(lambda head, body: [set_header(head, "Accept-Encoding", None) + body]),
    "Accept-Encoding: gzip": _Form(_write_whole, (("Accept-Encoding", "gzip"),)),
    "Accept-Encoding: identity": _Form(_write_whole, (("Accept-Encoding", "identity"),)),
    "a charset in the content type": _Form(_write_charset, needs_body=True),
    "a chunked body": _Form(_write_chunked, needs_body=True),
    "a body in many packets": _Form(_write_body_in_packets, needs_body=True),
    "a head in many packets": _Form(_write_head_in_packets),
    "Expect: 100-continue": _Form(_write_expecting, needs_body=True),
    "Connection: close": _Form(_write_whole, (("Connection", "close"),)),
    "HTTP/1.0": _Form(_write_http_1_0),
    "names in odd case, values with blanks": _Form(_write_odd_case),
    "repeated headers": _Form(
        _write_whole, (("Accept", "application/json"), ("Accept", "*/*;q=0.5"), ("X-A", "1"), ("X-A", "2"))
    ),
    "an empty line before the request": _Form(
        lambda head, body: [b"\r\n" + head + body], may_refuse=True, may_close=True
    ),
    "an absolute target": _Form(_write_absolute_target, may_refuse=True),
    "a gzip body": _Form(_write_gzip, may_refuse=True, needs_body=True),
}
"""The legal forms, by what is unusual about them."""


def select_forms(body: bytes) -> Mapping[str, _Form]:
    """The forms in which a request with this body can be sent."""
    return {name: form for name, form in LEGAL_FORMS.items() if body or not form.needs_body}


def has_error_status(exchange: Exchange) -> bool:
    """Whether the service answered with a 4xx or 5xx, even if the rest of the answer was lost."""
    return exchange.status is not None and exchange.status >= 400


@judge
def judge_form_answers(control: Control, forms: Mapping[str, Exchange], after: Exchange, show: Show) -> Verdict:
    """Each form has the answer of the plain request, or is refused with an error status: none is misread or cut.

    `after` is the plain request once more at the end. A 429 leaves a form unjudged.
    """
    if empty := control.find_empty():
        if empty.ok or has_error_status(empty):
            return make_inconclusive(control.explain_empty(), n=0)
        # The service reports no error, but its answer is cut, garbled or does not end where it says.
        return judge_contract([judge_success("plain", empty, "a plain request has no valid answer", show)], "")
    cases, answered, equal, refused = [], 0, 0, 0
    for name, exchange in forms.items():
        problem = _find_misreading(control, name, exchange)
        unjudged = explain_decline(exchange, (TOO_MANY_REQUESTS,))
        cases.append(judge_case(name, exchange, problem and f"{name}: {problem}", show, unjudged))
        answered += exchange.ok
        equal += exchange.ok and compare_contents(control.contents[0], exchange.content) is None
        refused += has_error_status(exchange)
    cases.append(judge_last_request(after, show, "after all forms the plain request is not answered"))
    if not answered and not has_counterexample(cases):
        return make_inconclusive(f"all {len(forms)} forms are refused: none could be misread", n=0)
    how = "as the plain request"
    if equal < answered:
        how = f"validly ({equal} of them as the plain request: the service does not repeat itself)"
    parts = [f"{answered} of {len(forms)} legal forms are answered {how}"]
    if refused:
        parts.append(f"{refused} are refused")
    if unanswered := len(forms) - answered - refused:
        parts.append(f"{unanswered} get no answer, as an unusual one may")
    return judge_contract(cases, ", ".join(parts))


def _find_misreading(control: Control, name: str, exchange: Exchange) -> str:
    if has_error_status(exchange) or _is_closed(name, exchange) or _is_silent(name, exchange):
        return ""
    if not exchange.ok:
        return f"a legal form has no valid answer: {exchange.outcome}"
    coding = exchange.response.header("content-encoding") if exchange.response else None
    if "identity" in name and coding not in (None, "identity"):
        return f"the answer is in {coding}, which the request excluded"
    return control.find_wrong_answer(0, exchange)


def _is_closed(name: str, exchange: Exchange) -> bool:
    return LEGAL_FORMS[name].may_close and exchange.response is None and exchange.error is ErrorClass.CLOSED


def _is_silent(name: str, exchange: Exchange) -> bool:
    silence = (ErrorClass.FIRST_BYTE_TIMEOUT, ErrorClass.TOTAL_TIMEOUT)
    return LEGAL_FORMS[name].may_close and exchange.response is None and exchange.error in silence


@judge
def judge_form_acceptance(control: Control, forms: Mapping[str, Exchange], show: Show) -> Verdict:
    """Each legal form is accepted; optional ones may be refused with a 4xx, and HTTP/1.0 gets no chunks."""
    if why := control.explain_empty():
        return make_inconclusive(why, n=0)
    cases, accepted, refused, closed = [], 0, 0, 0
    for name, exchange in forms.items():
        problem, unjudged = "", ""
        silent = _is_silent(name, exchange)
        may_refuse = LEGAL_FORMS[name].may_refuse and (is_clear_refusal(exchange) or exchange.status == 501)
        if exchange.status in (TOO_MANY_REQUESTS, None) and not (silent or _is_closed(name, exchange)):
            unjudged = exchange.outcome
        elif has_error_status(exchange) and not may_refuse:
            problem = f"{name}: a legal form is refused: {exchange.outcome}"
        elif silent:
            problem = f"{name}: neither answered nor refused: {exchange.outcome}"
        elif name == "HTTP/1.0" and exchange.response and exchange.response.header("transfer-encoding"):
            # Such a client cannot tell where the answer ends (RFC 9112 section 6.1).
            problem = "HTTP/1.0: the answer is in a transfer coding, which only HTTP/1.1 has"
        cases.append(judge_case(name, exchange, problem, show, unjudged))
        accepted += exchange.ok
        refused += has_error_status(exchange)
        closed += _is_closed(name, exchange)
    parts = [f"{accepted} of {len(forms)} legal forms are accepted"]
    if refused:
        parts.append(f"{refused} are refused, as they may be")
    if closed:
        parts.append(f"{closed} end the connection, as they may")
    if invalid := len(forms) - accepted - refused - closed:
        parts.append(f"{invalid} have no valid answer, which another check judges")
    return judge_contract(cases, ", ".join(parts))
