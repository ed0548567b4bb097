"""Each well-known cause is recognised by what the service answered, and others are not."""

from __future__ import annotations

from typing import Any

import pytest

from harness.core.cause_hints import find_hint

URL = "http://127.0.0.1:8000"
INVALID = "no valid answer: HTTP {}"


@pytest.mark.parametrize(
    ("reason", "status", "body", "part"),
    [
        (INVALID, 500, "TypeError: Object of type int64 is not JSON serializable", ".item()"),
        (INVALID, 500, "Object of type float32 is not JSON serializable", ".item()"),
        (INVALID, 500, "TypeError: Object of type ndarray is not JSON serializable", ".tolist()"),
        (INVALID, 500, "Unable to serialize unknown type: <class 'numpy.float64'>", ".item()"),
        (INVALID, 500, "TypeError(\"'numpy.int64' object is not iterable\")", ".item()"),
        (INVALID, 500, "Object of type Tensor is not JSON serializable", "numbers, texts and lists"),
        (INVALID, 500, "<h1>Internal Server Error</h1>", "the service's own log"),
        (INVALID, 400, "Disallowed CORS origin", "CORS"),
        (INVALID, 403, '{"error": "Cross-origin request refused"}', "CORS"),
        (INVALID, 503, '{"error": {"message": "Loading model", "type": "unavailable_error"}}', "--ai-wait-ready"),
        (INVALID, 503, "the model is not ready yet", "--ai-wait-ready"),
        (INVALID, 503, "Model iris is still loading", "--ai-wait-ready"),
        (INVALID, 502, "<html><h1>502 Bad Gateway</h1><hr>nginx/1.25</html>", "A proxy in front"),
        (INVALID, 403, "<html><title>ERR_ACCESS_DENIED</title> squid/5.7</html>", "[endpoint] proxy"),
        ("no valid answer: invalid", 200, "<!doctype html><title>Sign in</title>", "HTML page"),
        (INVALID, 404, "<html>Not Found</html>", "HTML page"),
        (INVALID, 405, '{"detail":"Method Not Allowed"}', "does not take POST"),
        (INVALID, 415, "{}", "form of this body"),
        (INVALID, 401, '{"detail": "Not authenticated"}', "AIHARNESS_API_KEY"),
        (INVALID, 404, '{"error": "model \\"llama\\" not found, try pulling it first"}', "--ai-model"),
        (INVALID, 500, '{"error": "All connection attempts failed"}', "something behind it"),
        (INVALID, 503, '{"error": "dial tcp 10.0.0.7:8000: connect: connection refused"}', "something behind it"),
        (INVALID, 500, "RuntimeError: CUDA out of memory. Tried to allocate", "no memory left"),
        (
            INVALID,
            422,
            '{"detail":[{"type":"missing","loc":["body","features"],"msg":"Field required"}]}',
            "asks for features in the body: write it in [endpoint.template] body, like '{\"features\": {{input}}}'",
        ),
        ("the endpoint was not reached: connect: no connection (Connect call failed)", None, "", "Nothing listens"),
        ("the endpoint was not reached: x: [Errno 111] Connection refused", None, "", "Nothing listens"),
        ("connect: All connection attempts failed", None, "", "each was tried"),
        ("the endpoint was not reached: name_resolution: no address", None, "", "check its spelling"),
    ],
)
def test_a_known_cause_has_its_hint(reason: str, status: int | None, body: str, part: str) -> None:
    response: dict[str, Any] | None = None
    if status is not None:
        response = {"status": status, "headers": {}, "body": body}
    hint = find_hint(reason.format(status), {"url": f"{URL}/predict"}, response)
    assert part in hint
    assert hint.endswith(".")


def test_a_credential_that_was_sent_is_not_asked_for() -> None:
    response = {"status": 401, "headers": {}, "body": '{"detail": "Not authenticated"}'}
    for header in ("Authorization", "x-api-key"):
        hint = find_hint(INVALID.format(401), {"url": URL, "headers": {header: "***"}}, response)
        assert "refuses the credential" in hint
        assert "export" not in hint


def test_a_path_that_stands_twice() -> None:
    answer = {"status": 404, "body": '{"detail":"Not Found"}'}
    assert find_hint("", {"url": f"{URL}/v1/v1/chat/completions"}, answer).startswith("/v1 stands twice in the path")
    assert find_hint("", {"url": f"{URL}/api/predict/api/predict"}, answer).startswith("/api/predict stands twice")
    assert find_hint("", {"url": f"{URL}/v1/predict"}, answer) == ""


@pytest.mark.parametrize(
    ("reason", "status", "body"),
    [
        ("the answers to one request differ", 200, '{"prediction": 1}'),
        ("answered 500 where a 4xx is due", 500, "Internal Server Error"),
        ("answered 200 where a 4xx is due", 200, '{"prediction": 1}'),
        ("69 of 281 answers were wrong", 200, '{"label": "cross"}'),
        ("3 of 3 requests took longer than 2000 ms", 200, '{"text": "the model says that loading is done"}'),
        ("a name is read as a token", 200, '{"model":"tiny-chat","system_fingerprint":"b0-unknown"}'),
    ],
)
def test_other_failures_have_none(reason: str, status: int, body: str) -> None:
    assert find_hint(reason, {"url": f"{URL}/predict"}, {"status": status, "headers": {}, "body": body}) == ""


def test_a_hostile_body_is_read_in_bounded_time() -> None:
    body = "model " * 200_000 + "[" * 100_000
    assert find_hint("no valid answer", None, {"status": 503, "body": body}) == ""
