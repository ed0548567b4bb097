from __future__ import annotations

import json
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import httpx
import pytest

from harness.reference.digits import DigitsModel, make_dataset, train
from harness.reference.settings import ServiceSettings

Serving = Callable[[ServiceSettings], AbstractContextManager[httpx.Client]]
JSON = {"content-type": "application/json"}


def refusal(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    assert "server" not in response.headers
    body = response.json()
    assert body.keys() == {"error"}
    assert body["error"].keys() == {"message", "type", "code"}
    assert all(isinstance(text, str) and text for text in body["error"].values())
    assert "Traceback" not in response.text
    assert ".py" not in response.text
    return dict(body["error"])


def test_predicts_what_the_model_says(client: httpx.Client) -> None:
    features, labels = make_dataset(11, 300)
    answer = client.post("/predict", json={"instances": features.tolist()}).json()
    expected = train(0).predict_proba(features)
    assert answer.keys() == {"predictions", "probabilities", "model", "version"}
    assert answer["predictions"] == expected.argmax(axis=1).tolist()
    assert answer["probabilities"] == pytest.approx(expected)
    assert (answer["model"], answer["version"]) == ("digits", "1")
    assert sum(a == b for a, b in zip(answer["predictions"], labels, strict=True)) > 270


def test_pages(client: httpx.Client) -> None:
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/ready").json() == {"status": "ready"}
    assert client.get("/version").json()["version"] == "1"
    assert "reference_tokens " in client.get("/metrics").text
    assert client.head("/health").status_code == 200
    assert "server" not in client.get("/health").headers


def test_the_documented_example_is_valid(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    for path in ("/predict", "/v1/chat/completions"):
        example = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["example"]
        assert client.post(path, json=example).status_code == 200


BAD_BODIES: list[tuple[str, bytes]] = [
    ("empty", b""),
    ("malformed", b'{"instances": ['),
    ("trailing", b'{"instances": []} x'),
    ("null", b"null"),
    ("array", b"[]"),
    ("string", b'"hi"'),
    ("missing", b"{}"),
    ("no-rows", b'{"instances": []}'),
    ("null-rows", b'{"instances": null}'),
    ("object-rows", b'{"instances": {}}'),
    ("flat", json.dumps({"instances": [0] * 64}).encode()),
    ("empty-row", b'{"instances": [[]]}'),
    ("short-row", json.dumps({"instances": [[0] * 63]}).encode()),
    ("long-row", json.dumps({"instances": [[0] * 65]}).encode()),
    ("ragged", json.dumps({"instances": [[0] * 64, [0] * 63]}).encode()),
    ("nested", json.dumps({"instances": [[[0]] * 64]}).encode()),
    ("nan", b'{"instances": [[' + b",".join([b"NaN"] * 64) + b"]]}"),
    ("infinity", b'{"instances": [[' + b",".join([b"-Infinity"] * 64) + b"]]}"),
    ("1e999", b'{"instances": [[' + b",".join([b"1e999"] * 64) + b"]]}"),
    ("huge-integer", b'{"instances": [[' + b",".join([b"9" * 500] * 64) + b"]]}"),
    ("endless-integer", b'{"instances": [[' + b"9" * 6000 + b"]]}"),
    ("negative", json.dumps({"instances": [[-1] * 64]}).encode()),
    ("over-range", json.dumps({"instances": [[16.5] * 64]}).encode()),
    ("strings", json.dumps({"instances": [["1"] * 64]}).encode()),
    ("booleans", json.dumps({"instances": [[True] * 64]}).encode()),
    ("nulls", json.dumps({"instances": [[None] * 64]}).encode()),
    ("unknown-field", json.dumps({"instances": [[0] * 64], "instance": 1}).encode()),
    ("lone-surrogate", b'{"instances": "\\ud800"}'),
    ("not-utf8", b'{"instances": "\xff"}'),
    ("deep", b'{"instances": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
]


@pytest.mark.parametrize("body", [body for _, body in BAD_BODIES], ids=[name for name, _ in BAD_BODIES])
def test_a_bad_body_is_refused_in_one_shape(client: httpx.Client, body: bytes) -> None:
    refusal(client.post("/predict", content=body, headers=JSON), 400)


def test_message_says_where_and_does_not_echo(client: httpx.Client) -> None:
    message = refusal(client.post("/predict", json={"instances": [[0] * 64, [0] * 9]}), 400)["message"]
    assert message == "instances[1]: Expected `array` of length >= 64"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "application/json; charset=utf-16"},
        {"content-type": "application/json", "content-encoding": "gzip"},
    ],
)
def test_another_media_type_is_415(client: httpx.Client, headers: dict[str, str]) -> None:
    refusal(client.post("/predict", content=b"{}", headers=headers), 415)


def test_a_charset_of_utf8_is_accepted(client: httpx.Client, rows: list[list[float]]) -> None:
    body = json.dumps({"instances": rows}).encode()
    answer = client.post("/predict", content=body, headers={"content-type": "Application/JSON; charset=UTF-8"})
    assert answer.status_code == 200


def test_too_large_is_413(serving: Serving, rows: list[list[float]]) -> None:
    with serving(ServiceSettings(max_body=2000, max_rows=2)) as client:
        assert client.post("/predict", json={"instances": rows[:2]}).status_code == 200
        refusal(client.post("/predict", json={"instances": rows * 100}), 413)
        refusal(client.post("/predict", content=iter([b" " * 1500] * 4), headers=JSON), 413)
        assert client.post("/predict", json={"instances": rows[:2]}).status_code == 200
    with serving(ServiceSettings(max_rows=2)) as client:
        refusal(client.post("/predict", json={"instances": rows}), 413)


def test_a_body_that_does_not_come_is_408(serving: Serving) -> None:
    with serving(ServiceSettings(body_timeout_s=0.1)) as client:
        with socket.create_connection((client.base_url.host, client.base_url.port or 0), timeout=5) as raw:
            raw.sendall(
                b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{"
            )
            answer = b"".join(iter(lambda: raw.recv(4096), b""))
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b'"code":"timeout"' in answer


def test_methods_and_paths(client: httpx.Client) -> None:
    for method in ("GET", "PUT", "DELETE", "OPTIONS", "PATCH"):
        answer = client.request(method, "/predict")
        refusal(answer, 405)
        assert answer.headers["allow"] == "POST"
    for path in ("/nope", "/", "/predict/", "//predict", "/../etc/passwd"):
        refusal(client.post(path, json={}), 404)


def test_a_failure_inside_is_a_500_that_tells_nothing(
    serving: Serving, rows: list[list[float]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(model: DigitsModel, features: object) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(DigitsModel, "predict_proba", fail)
    with serving(ServiceSettings()) as client:
        answer = client.post("/predict", json={"instances": rows}, headers={"x-request-id": "abc-2"})
        assert refusal(answer, 500)["type"] == "server_error"
        assert answer.headers["x-request-id"] == "abc-2"
        assert "secret" not in answer.text
        assert client.get("/health").status_code == 200
    assert "request abc-2 failed" in caplog.text


def test_request_id_is_echoed_or_made(client: httpx.Client) -> None:
    assert client.get("/health", headers={"x-request-id": "abc-1"}).headers["x-request-id"] == "abc-1"
    ids = [client.get(path).headers["x-request-id"] for path in ("/health", "/nope")]
    assert len(set(ids)) == 2
    for bad in ("x" * 129, "a b"):
        assert client.get("/health", headers={"x-request-id": bad}).headers["x-request-id"] != bad
