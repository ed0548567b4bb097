"""Answers that real servers gave (versions in docs/servers.md), and the class that a client should act on."""

from __future__ import annotations

import pytest

from harness.core.answer_class import GRPC_CLASSES, RETRY_ADVICE, AnswerClass, classify_exchange
from harness.core.errors import ErrorClass
from harness.core.exchange import Exchange, Request, Response, Timing

RECORDED = [
    ("MLflow, wrong shape", 400, '{"error_code": "BAD_REQUEST", "message": "Incompatible shape"}', "refused_input"),
    ("FastAPI, malformed JSON", 422, '{"detail":[{"type":"json_invalid"}]}', "refused_input"),
    ("Flask, wrong shape", 500, "<!doctype html><title>500 Internal Server Error</title>", "broken"),
    ("Triton, malformed JSON", 500, '{"error":"failed to parse the request JSON buffer: Missing"}', "refused_input"),
    ("Triton, full queue", 503, '{"error":"[request id: <id_unknown>] Exceeds maximum queue size"}', "overloaded"),
    ("TorchServe, wrong shape", 503, '{"type": "InternalServerException", "message": "Prediction failed"}', "broken"),
    ("TorchServe, slow", 500, '{"type": "InternalServerException", "message": "Worker died."}', "broken"),
    ("TorchServe, no worker", 503, '{"type": "ServiceUnavailableException", "message": "no worker"}', "overloaded"),
    ("TorchServe, 20 MB", 413, "", "refused_input"),
    ("Ray, slow", 408, "Request 6e5a timed out after 3.0s.", "timeout"),
    ("Ray, full", 503, "Request dropped due to backpressure (num_queued_requests=2).", "overloaded"),
    ("Ray, starting", 503, "Route table is not populated yet.", "overloaded"),
    ("BentoML, slow", 504, '{"error":"Not able to process the request in 3 seconds"}', "timeout"),
    ("BentoML, full", 429, '{"error":"Too many requests"}', "rate_limited"),
    ("LitServe, full", 504, '{"detail":"Request timed out"}', "timeout"),
    ("llama-server, malformed JSON", 500, '{"error":{"message":"[json.exception.parse_error.101]"}}', "refused_input"),
    ("llama-server, loading", 503, '{"error":{"message":"Loading model","type":"unavailable_error"}}', "overloaded"),
    ("a gateway whose upstream is gone", 502, "Bad Gateway", "broken"),
    ("Anthropic, overloaded", 529, '{"type":"error","error":{"type":"overloaded_error"}}', "overloaded"),
    ("no key", 401, "", "refused_auth"),
]


def exchange(error: ErrorClass | None, response: Response | None = None) -> Exchange:
    return Exchange(Request("POST", "/"), Timing(0.0), response, error=error)


@pytest.mark.parametrize(("status", "body", "wanted"), [row[1:] for row in RECORDED], ids=[row[0] for row in RECORDED])
def test_recorded_answers(status: int, body: str, wanted: str) -> None:
    assert classify_exchange(exchange(ErrorClass.STATUS, Response(status, body=body.encode()))) == wanted


@pytest.mark.parametrize(
    ("code", "message", "wanted"),
    [
        ("3", "unexpected shape", "refused_input"),
        ("14", "Prediction failed", "broken"),
        ("14", "no healthy upstream", "overloaded"),
        ("8", "Received message larger than max (5000000 vs. 4194304)", "refused_input"),
        ("13", "Exception calling application: ValueError", "broken"),
        ("2", "", "broken"),
        ("4", "", "timeout"),
    ],
)
def test_grpc_codes(code: str, message: str, wanted: str) -> None:
    response = Response(200, (("grpc-status", code),), message.encode())
    assert classify_exchange(exchange(ErrorClass.STATUS, response)) == wanted


def test_every_error_class_has_one_and_the_harness_none() -> None:
    for error in ErrorClass:
        kind = classify_exchange(exchange(error, Response(500)))
        assert (kind is None) == (error is ErrorClass.HARNESS)
    assert classify_exchange(exchange(None, Response(200))) is AnswerClass.OK
    assert classify_exchange(exchange(ErrorClass.GONE)) is AnswerClass.TRANSPORT
    assert classify_exchange(exchange(ErrorClass.INTER_TOKEN_TIMEOUT, Response(200))) is AnswerClass.TIMEOUT


def test_every_class_says_whether_to_try_again() -> None:
    assert set(RETRY_ADVICE) == set(AnswerClass)
    assert {GRPC_CLASSES[code] for code in (8, 14)} == {AnswerClass.OVERLOADED}
    never = {kind for kind, advice in RETRY_ADVICE.items() if advice.startswith("no:")}
    assert never == {AnswerClass.OK, AnswerClass.REFUSED_INPUT, AnswerClass.REFUSED_AUTH, AnswerClass.INVALID}
