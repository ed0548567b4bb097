"""One classification of answers for all servers, and what a client may do about each class.

Status codes alone do not distinguish an invalid request from a broken server: TorchServe answers both with 503, Triton
answers invalid JSON with 500, Ray answers 408 when it gave up itself. For servers that are known to say more in the
body, the body decides.
"""

from __future__ import annotations

import re
from enum import StrEnum
from http import HTTPStatus

from harness.core.errors import TIMEOUT_ERRORS, ErrorClass
from harness.core.exchange import Exchange, Response
from harness.core.visible_text import fold_line


class AnswerClass(StrEnum):
    """The outcome of an exchange, whichever server answered."""

    OK = "ok"
    REFUSED_INPUT = "refused_input"
    """The request is invalid; the same request will be refused again."""
    REFUSED_AUTH = "refused_auth"
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    """No capacity at the moment: the queue is full, no worker is free, or the service is still starting."""
    TIMEOUT = "timeout"
    """The service or the harness gave up because it took too long."""
    BROKEN = "broken"
    """The service reports that it failed."""
    TRANSPORT = "transport"
    """The connection could not be made, or it broke."""
    INCOMPLETE = "incomplete"
    """The status says success, but the answer did not end as the protocol requires."""
    INVALID = "invalid"
    """The answer is not valid HTTP, or the status says success and the body is not a valid answer."""


RETRY_ADVICE = {
    AnswerClass.OK: "no: it was answered",
    AnswerClass.REFUSED_INPUT: "no: the same request will be refused again",
    AnswerClass.REFUSED_AUTH: "no: not with these credentials",
    AnswerClass.RATE_LIMITED: "after the time in Retry-After, otherwise with exponential backoff",
    AnswerClass.OVERLOADED: "after the time in Retry-After, otherwise with exponential backoff",
    AnswerClass.TIMEOUT: "once, if the request is idempotent",
    AnswerClass.BROKEN: "once, after a pause",
    AnswerClass.TRANSPORT: "once, if the request is idempotent",
    AnswerClass.INCOMPLETE: "the whole request, if no part of the answer was used",
    AnswerClass.INVALID: "no: this is a defect of the service",
}
"""What a client may do about an answer: this depends on the class, not on the status."""

_ERRORS = {
    ErrorClass.CONNECT_TIMEOUT: AnswerClass.TIMEOUT,
    **dict.fromkeys(TIMEOUT_ERRORS, AnswerClass.TIMEOUT),
    ErrorClass.MALFORMED: AnswerClass.INVALID,
    ErrorClass.CONTENT_DECODING: AnswerClass.INVALID,
    ErrorClass.TOO_LARGE: AnswerClass.INVALID,
    ErrorClass.INVALID: AnswerClass.INVALID,
    ErrorClass.INCOMPLETE: AnswerClass.INCOMPLETE,
    ErrorClass.REDIRECT: AnswerClass.REFUSED_INPUT,
}

_STATUSES = {
    401: AnswerClass.REFUSED_AUTH,
    403: AnswerClass.REFUSED_AUTH,
    407: AnswerClass.REFUSED_AUTH,
    408: AnswerClass.TIMEOUT,
    425: AnswerClass.OVERLOADED,
    429: AnswerClass.RATE_LIMITED,
    503: AnswerClass.OVERLOADED,
    504: AnswerClass.TIMEOUT,
    529: AnswerClass.OVERLOADED,  # Anthropic's overloaded_error
}

GRPC_CLASSES = {
    1: AnswerClass.TRANSPORT,
    3: AnswerClass.REFUSED_INPUT,
    4: AnswerClass.TIMEOUT,
    5: AnswerClass.REFUSED_INPUT,
    7: AnswerClass.REFUSED_AUTH,
    8: AnswerClass.OVERLOADED,
    9: AnswerClass.REFUSED_INPUT,
    11: AnswerClass.REFUSED_INPUT,
    12: AnswerClass.REFUSED_INPUT,
    14: AnswerClass.OVERLOADED,
    16: AnswerClass.REFUSED_AUTH,
}
"""The classes of the gRPC status codes (grpc/grpc, statuscodes.md); all other codes are BROKEN."""

_BODY_PATTERNS = (
    (
        # Triton's 500, llama.cpp's 500, Python servers that quote the error of json.loads, gRPC's message size limits
        AnswerClass.REFUSED_INPUT,
        re.compile(r"failed to parse the request|json\.exception\.parse_error|JSONDecodeError|larger than max", re.I),
    ),
    (AnswerClass.BROKEN, re.compile(r'"InternalServerException"|Prediction failed|Worker died')),  # TorchServe's 503
    (AnswerClass.RATE_LIMITED, re.compile(r"rate.?limit|too many requests", re.I)),
    (AnswerClass.OVERLOADED, re.compile(r"backpressure|queue size|overloaded|no worker to serve", re.I)),
)
"""What known servers write into the body of an error when their status does not say enough."""

_SEARCHED_BYTES = 4096


def classify_exchange(exchange: Exchange) -> AnswerClass | None:
    """The class of an exchange; None if the harness itself failed, which says nothing about the service."""
    if exchange.error is None:
        return AnswerClass.OK
    if exchange.error is ErrorClass.HARNESS:
        return None
    if exchange.error is ErrorClass.STATUS and exchange.response is not None:
        return classify_response(exchange.response)
    return _ERRORS.get(exchange.error, AnswerClass.TRANSPORT)


def classify_response(response: Response) -> AnswerClass:
    """The class of a complete response whose status is not a success."""
    code = response.header("grpc-status") or ""
    is_grpc = code.isascii() and code.isdigit()
    if not is_grpc and response.status < 500:
        return _STATUSES.get(response.status, AnswerClass.REFUSED_INPUT)
    body = response.body[:_SEARCHED_BYTES].decode("utf-8", "replace")
    for answer_class, pattern in _BODY_PATTERNS:
        if pattern.search(body):
            return answer_class
    if is_grpc:
        return GRPC_CLASSES.get(int(code), AnswerClass.BROKEN)
    return _STATUSES.get(response.status, AnswerClass.BROKEN)


def is_refusal(exchange: Exchange) -> bool:
    """Whether the service refused the request itself: as invalid, or with these credentials."""
    has_error_status = exchange.status is not None and exchange.status >= HTTPStatus.BAD_REQUEST
    return has_error_status and classify_exchange(exchange) in (AnswerClass.REFUSED_INPUT, AnswerClass.REFUSED_AUTH)


def describe_refusal(exchange: Exchange) -> str:
    """How it was refused, on one line: the status, and the beginning of what the service says about it."""
    body = exchange.response.body if exchange.response else b""
    text = fold_line(body[:_SEARCHED_BYTES].decode("utf-8", "replace"), 200)
    return f"{exchange.detail}: {text}" if text else exchange.detail
