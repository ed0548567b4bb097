from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import httpx
import pytest

from harness.reference.settings import ServiceSettings

Serving = Callable[[ServiceSettings], AbstractContextManager[httpx.Client]]
PATH = "/v1/chat/completions"
QUESTIONS = ["Hello!", "What is six plus seven?", "Where is the old dog?", "Repeat after me: näive 北京 🦊\u2028x"]


def chat(content: Any = "Hello!", **more: Any) -> dict[str, Any]:
    return {"model": "tiny-chat", "temperature": 0, "messages": [{"role": "user", "content": content}], **more}


def events(text: str) -> list[Any]:
    """The chunks of a stream, less the terminator, which must be there."""
    *data, end = [part.removeprefix("data: ") for part in text.split("\n\n")[:-1]]
    assert end == "[DONE]"
    return [json.loads(item) for item in data]


def text_of(chunks: list[Any]) -> str:
    return "".join(choice["delta"].get("content", "") for chunk in chunks for choice in chunk["choices"])


def refusal(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    body = response.json()
    assert body.keys() == {"error"}
    assert body["error"].keys() == {"message", "type", "code", "param"}
    assert "Traceback" not in response.text
    return dict(body["error"])


def counter(client: httpx.Client, name: str) -> int:
    return int(client.get("/metrics").text.split(f"reference_{name} ")[1].split()[0])


def test_models(client: httpx.Client) -> None:
    (card,) = client.get("/v1/models").json()["data"]
    assert (card["id"], card["object"]) == ("tiny-chat", "model")
    assert client.get("/v1/models/tiny-chat").json() == card
    assert refusal(client.get("/v1/models/gpt"), 404)["code"] == "model_not_found"


def test_a_whole_answer(client: httpx.Client) -> None:
    answer = client.post(PATH, json=chat("What is two plus two?")).json()
    assert answer["object"] == "chat.completion"
    assert answer["model"] == "tiny-chat"
    (choice,) = answer["choices"]
    assert choice["message"] == {"role": "assistant", "content": "two plus two is four."}
    assert choice["finish_reason"] == "stop"
    used = answer["usage"]
    assert used["completion_tokens"] == 6
    assert used["total_tokens"] == used["prompt_tokens"] + 6


def test_a_stream(client: httpx.Client) -> None:
    response = client.post(PATH, json=chat("Count.", max_tokens=4, stream=True))
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    first, *middle, last = events(response.text)
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert [chunk["choices"][0]["delta"]["content"] for chunk in middle] == ["one", " two", " three", " four"]
    assert last["choices"][0]["delta"] == {}
    assert [chunk["choices"][0]["finish_reason"] for chunk in (first, *middle, last)] == [None] * 5 + ["length"]
    assert {chunk["object"] for chunk in (first, *middle, last)} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in (first, *middle, last)}) == 1
    assert "usage" not in last


def test_usage_in_a_stream(client: httpx.Client) -> None:
    body = chat("Count.", max_tokens=4, stream=True, stream_options={"include_usage": True})
    *chunks, last = events(client.post(PATH, json=body).text)
    assert all(chunk["usage"] is None for chunk in chunks)
    assert last["choices"] == []
    assert last["usage"] == client.post(PATH, json=chat("Count.", max_tokens=4)).json()["usage"]


@pytest.mark.parametrize("question", QUESTIONS)
def test_streamed_and_whole_answers_agree_at_temperature_0(client: httpx.Client, question: str) -> None:
    whole = client.post(PATH, json=chat(question)).json()["choices"][0]["message"]["content"]
    assert text_of(events(client.post(PATH, json=chat(question, stream=True)).text)) == whole != ""


def test_a_nonce_comes_back(client: httpx.Client) -> None:
    answer = client.post(PATH, json=chat("Repeat after me: n-5f31c2")).json()
    assert answer["choices"][0]["message"]["content"] == "n-5f31c2"


def test_parameters_are_honoured(client: httpx.Client) -> None:
    def content(**more: Any) -> str:
        return str(client.post(PATH, json=chat(**more)).json()["choices"][0]["message"]["content"])

    assert content(content="Count.", max_completion_tokens=2) == "one two"
    assert content(content="Count.", stop=["four"]) == "one two three "
    assert content(content=[{"type": "text", "text": "Repeat after "}, {"type": "text", "text": "me: x"}]) == "x"
    assert len({content(temperature=1.5, seed=seed) for seed in range(20)}) > 1
    assert len({content(temperature=1.5, seed=3) for _ in range(5)}) == 1
    assert content(n=1, logprobs=False, tools=[], response_format={"type": "text"}, presence_penalty=0.0, user="u")


TOOLS = [{"type": "function", "function": {"name": "add"}}]
BAD: list[dict[str, Any]] = [
    {"model": None},
    {"model": 5},
    {"messages": None},
    {"messages": []},
    {"messages": "Hi"},
    {"messages": ["Hi"]},
    {"messages": [{"content": "Hi"}]},
    {"messages": [{"role": "wizard", "content": "Hi"}]},
    {"messages": [{"role": ["user"], "content": "Hi"}]},
    {"messages": [{"role": "user"}]},
    {"messages": [{"role": "user", "content": 5}]},
    {"messages": [{"role": "user", "content": []}]},
    {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
    {"max_tokens": 0},
    {"max_tokens": -1},
    {"max_tokens": 1.5},
    {"max_tokens": "8"},
    {"max_tokens": True},
    {"max_tokens": 10**9},
    {"max_completion_tokens": 2**70},
    {"temperature": -1},
    {"temperature": 2.5},
    {"temperature": "hot"},
    {"temperature": True},
    {"top_p": 1.1},
    {"top_p": -1},
    {"seed": "x"},
    {"seed": 2**70},
    {"n": 0},
    {"n": 5},
    {"n": "1"},
    {"n": True},
    {"stop": 5},
    {"stop": ""},
    {"stop": [""]},
    {"stop": ["x"] * 5},
    {"stream": "yes"},
    {"stream": 1},
    {"stream_options": {"include_usage": True}},
    {"stream": True, "stream_options": 1},
    {"stream": True, "stream_options": {"include_usage": 1}},
    {"frequency_penalty": 99},
    {"logprobs": 1},
    {"top_logprobs": 2},
    {"logprobs": True, "top_logprobs": 21},
    {"logit_bias": {"1": 5}},
    {"tools": "x"},
    {"tools": [{"type": "function", "function": {"name": "two words"}}]},
    {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "array"}}}]},
    {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"$ref": "#"}}}]},
    {"tools": [{"type": "function", "function": {"name": "f"}}] * 2},
    {"tool_choice": "required"},
    {"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "nothing"}}},
    {"tools": TOOLS, "parallel_tool_calls": "no"},
    {"response_format": {"type": "yaml"}},
    {"response_format": "json"},
    {"response_format": {"type": "json_schema", "json_schema": {"name": "a"}}},
    {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"pattern": "a"}}}},
    {"messages": [{"role": "tool", "content": "5"}]},
    {"messages": [{"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f"}}]}]},
]


@pytest.mark.parametrize("change", BAD, ids=json.dumps)
def test_a_bad_request_is_refused_in_openais_shape(client: httpx.Client, change: dict[str, Any]) -> None:
    error = refusal(client.post(PATH, json={**chat(), **change}), 400)
    assert error["type"] == "invalid_request_error"
    assert error["param"].split(".")[0].split("[")[0] in {*change, "stream_options", "include_usage"}


def test_bytes_that_are_no_request(client: httpx.Client) -> None:
    headers = {"content-type": "application/json"}
    for bad in (b"", b"{", b"null", b'{"temperature": NaN}', b'{"a": "\xff"}', b'{"messages": "\\udc00"}'):
        assert refusal(client.post(PATH, content=bad, headers=headers), 400)["param"] is None
    refusal(client.post(PATH, content=b"{}", headers={"content-type": "text/plain"}), 415)
    refusal(client.get(PATH), 405)
    refusal(client.post("/v1/nope", json={}), 404)
    assert refusal(client.post(PATH, json=chat() | {"model": "gpt"}), 404)["code"] == "model_not_found"


@pytest.mark.parametrize("prompt", ["ab! " * 4000, "x" * 5_000_000])
def test_a_prompt_over_the_context_is_refused(client: httpx.Client, prompt: str) -> None:
    assert refusal(client.post(PATH, json=chat(prompt)), 400)["code"] == "context_length_exceeded"


def test_an_answer_ends_where_the_context_does(client: httpx.Client) -> None:
    answer = client.post(PATH, json=chat("Count. " * 1300 + "Count.")).json()
    assert answer["usage"]["total_tokens"] == 4096
    assert answer["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_stops_the_generation(serving: Serving, stream: bool) -> None:
    with serving(ServiceSettings(token_ms=2)) as client:

        def settles_at(active: int) -> bool:
            ends = time.monotonic() + 20
            while (count := counter(client, "active_generations")) != active and time.monotonic() < ends:
                time.sleep(0.02)
            return count == active

        if stream:
            with client.stream("POST", PATH, json=chat("Count.", stream=True)) as response:
                arriving = response.iter_bytes()
                assert next(arriving)
                assert settles_at(1)
        else:
            with pytest.raises(httpx.ReadTimeout):
                client.post(PATH, json=chat("Count."), timeout=0.2)
        assert settles_at(0)
        assert 0 < counter(client, "tokens") < 3000
