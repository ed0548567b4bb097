from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import httpx
import pytest

from detection.catalogue import load_switch, switch_names
from detection.switch import Defect
from harness.core.errors import UsageError
from harness.reference.backend import create_app
from harness.reference.settings import ServiceSettings

Serving = Callable[[ServiceSettings], AbstractContextManager[httpx.Client]]
Post = tuple[str, dict[str, Any]]
PLAIN: Post = ("/predict", {"instances": [[0] * 64]})
V2: Post = (
    "/v2/models/digits/infer",
    {"inputs": [{"name": "input", "shape": [1, 64], "datatype": "FP64", "data": [0] * 64}]},
)
CHAT: Post = (
    "/v1/chat/completions",
    {"model": "tiny-chat", "messages": [{"role": "user", "content": "Count."}], "max_tokens": 6},
)
STREAM: Post = (CHAT[0], CHAT[1] | {"stream": True})
ALL = (PLAIN, V2, CHAT, STREAM)


def strict(text: str) -> Any:
    def refuse(name: str) -> None:
        raise ValueError(name)

    return json.loads(text, parse_constant=refuse)


def chunks(response: httpx.Response) -> list[str]:
    assert response.headers["content-type"].startswith("text/event-stream")
    return [part.removeprefix("data: ") for part in response.text.split("\n\n")[:-1]]


def healthy(client: httpx.Client) -> bool:
    """Whether the pages that need no inference say that all is well."""
    paths = ("/health", "/ready", "/v2/health/live", "/v2/health/ready", "/v2/models/digits/ready", "/v1/models")
    return all(client.get(path).status_code == 200 for path in paths)


def test_every_defect_describes_itself() -> None:
    assert len(switch_names(Defect)) >= 10
    for name in switch_names(Defect):
        defect = load_switch(Defect, name)
        assert "\n" not in defect.title
        assert defect.caught_by.startswith("ai-suite/")
        create_app(ServiceSettings(defects=(name,)))


def test_an_unknown_defect_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"unknown defect 'empty_20'.*Did you mean 'empty_200'"):
        create_app(ServiceSettings(defects=("empty_20",)))


def test_the_healthy_service_has_none_of_them(client: httpx.Client) -> None:
    assert healthy(client)
    for path, body in (PLAIN, V2, CHAT):
        answer = client.post(path, json=body)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"
        strict(answer.text)
    *data, finish, done = chunks(client.post(STREAM[0], json=STREAM[1]))
    assert done == "[DONE]"
    assert strict(finish)["choices"][0]["finish_reason"] == "length"
    assert len([strict(event) for event in data]) == 7


@pytest.mark.parametrize(("name", "status"), [("ready_but_dead", 503), ("error_500_for_everything", 500)])
def test_every_inference_fails_and_the_rest_is_well(serving: Serving, name: str, status: int) -> None:
    with serving(ServiceSettings(defects=(name,))) as client:
        assert healthy(client)
        for path, body in ALL:
            answer = client.post(path, json=body)
            assert answer.status_code == status
            assert answer.json()["error"]


def test_empty_200(serving: Serving) -> None:
    with serving(ServiceSettings(defects=("empty_200",))) as client:
        answers = [client.post(path, json=body) for path, body in ALL]
        assert {(answer.status_code, answer.content) for answer in answers} == {(200, b"")}
        kinds = [answer.headers["content-type"].split(";")[0] for answer in answers]
        assert kinds == ["application/json"] * 3 + ["text/event-stream"]
        assert client.post(PLAIN[0], content=b"\xff").status_code == 200
        assert healthy(client)


def test_html_instead_of_json(serving: Serving) -> None:
    with serving(ServiceSettings(defects=("html_instead_of_json",))) as client:
        for path, body in ALL:
            answer = client.post(path, json=body)
            assert answer.status_code == 200
            assert answer.headers["content-type"] == "text/html; charset=utf-8"
            assert answer.text.startswith("<!DOCTYPE html>")
        assert healthy(client)


def test_nan_in_200(serving: Serving) -> None:
    with serving(ServiceSettings(defects=("nan_in_200",))) as client:
        for path, body in (PLAIN, V2, CHAT):
            answer = client.post(path, json=body)
            assert answer.status_code == 200
            json.loads(answer.text)
            with pytest.raises(ValueError, match="NaN"):
                strict(answer.text)
        *data, done = chunks(client.post(STREAM[0], json=STREAM[1]))
        assert done == "[DONE]"
        assert all("NaN" in event for event in data)
        assert strict(client.post(PLAIN[0], json={}).text)["error"]


def test_wrong_model_version(serving: Serving) -> None:
    with serving(ServiceSettings(defects=("wrong_model_version",))) as client:
        assert client.post(PLAIN[0], json=PLAIN[1]).json()["version"] == "0"
        assert client.post(V2[0], json=V2[1]).json()["model_version"] == "0"
        assert client.post(CHAT[0], json=CHAT[1]).json()["model"] == "tiny-chat-0"
        streamed = [json.loads(event) for event in chunks(client.post(STREAM[0], json=STREAM[1]))[:-1]]
        assert {chunk["model"] for chunk in streamed} == {"tiny-chat-0"}
        assert client.get("/version").json()["version"] == "1"
        assert client.get("/v2/models/digits").json()["versions"] == ["1"]
        assert client.get("/v1/models").json()["data"][0]["id"] == "tiny-chat"


def test_credentials_ignored(serving: Serving) -> None:
    with serving(ServiceSettings(api_key="right", defects=("credentials_ignored",))) as client:
        for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": "Bearer right"}):
            assert all(client.post(path, json=body, headers=headers).status_code == 200 for path, body in ALL)


def test_traceback_leak(serving: Serving, client: httpx.Client) -> None:
    with serving(ServiceSettings(defects=("traceback_leak",))) as leaking:
        for path, body in ALL:
            bad, sound = leaking.post(path, json={}), client.post(path, json={})
            assert bad.status_code == sound.status_code == 400
            assert bad.json()["error"]
            assert "Traceback (most recent call last)" in bad.text
            assert "/srv/app/" in bad.text
            assert "Traceback" not in sound.text
            assert leaking.post(path, json=body).status_code == 200


def test_missing_terminator(serving: Serving) -> None:
    with serving(ServiceSettings(defects=("missing_terminator",))) as client:
        data = [json.loads(event) for event in chunks(client.post(STREAM[0], json=STREAM[1]))]
        assert "".join(chunk["choices"][0]["delta"]["content"] for chunk in data) == "one two three four five six"
        assert {chunk["choices"][0]["finish_reason"] for chunk in data} == {None}
        assert all(client.post(path, json=body).status_code == 200 for path, body in (PLAIN, V2, CHAT))


def test_stuck_stream(serving: Serving) -> None:
    with serving(ServiceSettings(defects=("stuck_stream",))) as client:
        seen = b""
        with client.stream("POST", STREAM[0], json=STREAM[1], timeout=0.3) as response:
            arriving = response.iter_bytes()
            while seen.count(b"\n\n") < 3:
                seen += next(arriving)
            with pytest.raises(httpx.ReadTimeout):
                next(arriving)
        assert seen.count(b"\n\n") == 3
        assert seen.endswith(b"\n\n")
        assert b"two" in seen
        assert b"three" not in seen
        assert all(client.post(path, json=body).status_code == 200 for path, body in (PLAIN, V2, CHAT))


def test_two_defects_at_once(serving: Serving) -> None:
    with serving(ServiceSettings(defects=("nan_in_200", "wrong_model_version"))) as client:
        answer = json.loads(client.post(PLAIN[0], json=PLAIN[1]).text)
        assert answer["version"] == "0"
        assert answer["probabilities"][0][0] != answer["probabilities"][0][0]
