"""One taxonomy of answers over all servers, and what a client may do about each.

Status codes do not separate a wrong request from a broken server: TorchServe answers 503 to both, Triton 500 to JSON
that cannot be read, Ray 408 where it gave up itself. So the body decides where a server is known to say more in it.
"""

from __future__ import annotations

import re
from enum import StrEnum

from harness.core.errors import ErrorClass
from harness.core.exchange import Exchange, Response


class AnswerClass(StrEnum):
    """What an exchange came to, whoever answered."""

    OK = "ok"
    REFUSED_INPUT = "refused_input"
    """The request is wrong, and will be the next time."""
    REFUSED_AUTH = "refused_auth"
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    """No room now: a full queue, no worker, still starting."""
    TIMEOUT = "timeout"
    """Given up for want of time, by the service or by the harness."""
    BROKEN = "broken"
    """The service says that it failed."""
    TRANSPORT = "transport"
    """The connection failed or ended."""
    INCOMPLETE = "incomplete"
    """Declared a success, and never came to its proper end."""
    INVALID = "invalid"
    """Declared a success, or HTTP, and is not."""


RETRY_ADVICE = {
    AnswerClass.OK: "no: it is answered",
    AnswerClass.REFUSED_INPUT: "no: the same request will be refused again",
    AnswerClass.REFUSED_AUTH: "no: not with these credentials",
    AnswerClass.RATE_LIMITED: "after the time in Retry-After, else after growing pauses",
    AnswerClass.OVERLOADED: "after the time in Retry-After, else after growing pauses",
    AnswerClass.TIMEOUT: "once, if carrying it out twice does no harm",
    AnswerClass.BROKEN: "once, after a pause",
    AnswerClass.TRANSPORT: "once, if carrying it out twice does no harm",
    AnswerClass.INCOMPLETE: "as a whole, if nothing of it was used",
    AnswerClass.INVALID: "no: it is a defect",
}
"""What a client may do; it follows the class and not the status."""

_ERRORS = {
    ErrorClass.CONNECT_TIMEOUT: AnswerClass.TIMEOUT,
    ErrorClass.FIRST_BYTE_TIMEOUT: AnswerClass.TIMEOUT,
    ErrorClass.INTER_TOKEN_TIMEOUT: AnswerClass.TIMEOUT,
    ErrorClass.TOTAL_TIMEOUT: AnswerClass.TIMEOUT,
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
"""Classes of the gRPC status codes (grpc/grpc, statuscodes.md) that are not BROKEN."""

_TOLD = (
    (
        # Triton's 500, llama.cpp's 500, python servers that say what json.loads raised, gRPC's message size limits
        AnswerClass.REFUSED_INPUT,
        re.compile(r"failed to parse the request|json\.exception\.parse_error|JSONDecodeError|larger than max", re.I),
    ),
    (AnswerClass.BROKEN, re.compile(r'"InternalServerException"|Prediction failed|Worker died')),  # TorchServe's 503
    (AnswerClass.RATE_LIMITED, re.compile(r"rate.?limit|too many requests", re.I)),
    (AnswerClass.OVERLOADED, re.compile(r"backpressure|queue size|overloaded|no worker to serve", re.I)),
)
"""What servers of known kind write into the body of an error, where their status says too little."""

_HEAD = 4096


def classify_exchange(exchange: Exchange) -> AnswerClass | None:
    """The class of an exchange; None where the harness itself broke, which says nothing of the service."""
    if exchange.error is None:
        return AnswerClass.OK
    if exchange.error is ErrorClass.HARNESS:
        return None
    if exchange.error is ErrorClass.STATUS and exchange.response is not None:
        return classify_response(exchange.response)
    return _ERRORS.get(exchange.error, AnswerClass.TRANSPORT)


def classify_response(response: Response) -> AnswerClass:
    """The class of a complete answer that is no success."""
    code = response.header("grpc-status")
    grpc = GRPC_CLASSES.get(int(code), AnswerClass.BROKEN) if code and code.isascii() and code.isdigit() else None
    if grpc is not None or response.status >= 500:
        body = response.body[:_HEAD].decode("utf-8", "replace")
        told = next((kind for kind, pattern in _TOLD if pattern.search(body)), None)
        return told or grpc or _STATUSES.get(response.status, AnswerClass.BROKEN)
    return _STATUSES.get(response.status, AnswerClass.REFUSED_INPUT)
