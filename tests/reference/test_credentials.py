from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import httpx
import pytest

from harness.reference.settings import ServiceSettings

Serving = Callable[[ServiceSettings], AbstractContextManager[httpx.Client]]
KEY = "s3cret-ключ"
PROTECTED = [
    ("POST", "/predict"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/tiny-chat"),
    ("POST", "/v1/chat/completions"),
    ("GET", "/v2/models/digits"),
    ("GET", "/v2/models/digits/ready"),
    ("POST", "/v2/models/digits/infer"),
    ("POST", "/v2/models/digits/versions/1/infer"),
]
OPEN = ["/health", "/ready", "/version", "/openapi.json", "/metrics", "/v2", "/v2/health/live", "/v2/health/ready"]


@pytest.fixture(scope="module")
def guarded_client(serving: Serving) -> Iterator[httpx.Client]:
    with serving(ServiceSettings(api_key=KEY)) as client:
        yield client


@pytest.mark.parametrize(("method", "path"), PROTECTED)
@pytest.mark.parametrize(
    "given",
    [None, "", "Bearer", "Bearer wrong", f"Basic {KEY}", KEY, f"Bearer {KEY}x", f"Bearer {KEY[:-1]}"],
)
def test_without_the_key_401(guarded_client: httpx.Client, method: str, path: str, given: str | None) -> None:
    headers: dict[bytes, bytes] = {} if given is None else {b"authorization": given.encode()}
    answer = guarded_client.request(method, path, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["x-request-id"]
    assert answer.json().keys() == {"error"}
    assert KEY not in answer.text


def test_with_the_key(guarded_client: httpx.Client, rows: list[list[float]]) -> None:
    for scheme in ("Bearer", "bearer"):
        headers = {b"authorization": f"{scheme} {KEY}".encode()}
        assert guarded_client.get("/v1/models", headers=headers).status_code == 200
        assert guarded_client.post("/predict", json={"instances": rows}, headers=headers).status_code == 200


@pytest.mark.parametrize("path", OPEN)
def test_health_and_description_are_open(guarded_client: httpx.Client, path: str) -> None:
    assert guarded_client.get(path).status_code == 200


def test_the_document_says_so(guarded_client: httpx.Client, client: httpx.Client) -> None:
    assert guarded_client.get("/openapi.json").json()["security"] == [{"key": []}]
    assert "security" not in client.get("/openapi.json").json()


def test_the_key_is_not_printed() -> None:
    assert KEY not in repr(ServiceSettings(api_key=KEY))
