"""What the chat offers besides one text: choices, log-probabilities, calls of tools, JSON that obeys a schema."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace
from typing import Any, cast

import httpx
import jsonschema
import pytest

from tests.reference.test_chat import PATH, chat, events
from tests.reference.test_gateway import Raw
from tests.reference.test_gateway import serving as gateway

WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
SUM = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "number", "minimum": 2.5}}}
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": schema, "strict": True}}
    for name, schema in (("get_weather", WEATHER), ("add", SUM))
]
SCHEMA = {
    "type": "object",
    "properties": {"größe": {"type": "integer"}, "tags": {"type": "array", "items": {"enum": ["x", "y"]}}},
    "required": ["größe", "tags"],
    "additionalProperties": False,
}


def ask_chat(client: httpx.Client, **body: Any) -> dict[str, Any]:
    response = client.post(PATH, json=chat(**body))
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    used = answer["usage"]
    assert used["total_tokens"] == used["prompt_tokens"] + used["completion_tokens"]
    return answer


def stream_chat(client: httpx.Client, **body: Any) -> tuple[list[Any], Any]:
    """The chunks with choices, and the usage."""
    *chunks, last = events(
        client.post(PATH, json=chat(**body, stream=True, stream_options={"include_usage": True})).text
    )
    return [choice for chunk in chunks for choice in chunk["choices"]], last["usage"]


@pytest.mark.parametrize("temperature", [0, 1.5])
def test_choices(client: httpx.Client, temperature: float) -> None:
    body = {"content": "Hello!", "n": 4, "temperature": temperature, "seed": 3, "max_tokens": 12}
    answer = ask_chat(client, **body)
    texts = [choice["message"]["content"] for choice in answer["choices"]]
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2, 3]
    assert (len(set(texts)) == 1) is (temperature == 0)
    one = ask_chat(client, **body | {"n": 1, "seed": 5})
    assert one["choices"][0]["message"]["content"] == texts[2]
    pieces, used = stream_chat(client, **body)
    for index, text in enumerate(texts):
        assert "".join(piece["delta"].get("content", "") for piece in pieces if piece["index"] == index) == text
    assert [piece["index"] for piece in pieces if piece["finish_reason"]] == [0, 1, 2, 3]
    assert alike(used) == alike(answer["usage"])
    assert used["prompt_tokens"] == one["usage"]["prompt_tokens"]
    assert used["completion_tokens"] > one["usage"]["completion_tokens"]


@pytest.mark.parametrize(
    ("content", "stop"), [("Hello!", []), ("Count.", ["ee fo"]), ("Repeat after me: näive 🦊", [])]
)
def test_log_probabilities(client: httpx.Client, content: str, stop: list[str]) -> None:
    body = {"content": content, "logprobs": True, "top_logprobs": 3, "max_tokens": 12, "stop": stop or None}
    (choice,) = ask_chat(client, **body)["choices"]
    tokens = choice["logprobs"]["content"]
    text = "".join(token["token"] for token in tokens)
    assert text.startswith(choice["message"]["content"])
    assert stop or text == choice["message"]["content"] != ""
    for token in tokens:
        assert bytes(token["bytes"]).decode() == token["token"]
        assert token["logprob"] <= 0
        assert token["top_logprobs"][0] == {name: token[name] for name in ("token", "logprob", "bytes")}
        top = [top_logprob["logprob"] for top_logprob in token["top_logprobs"]]
        assert top == sorted(top, reverse=True)
        assert math.fsum(math.exp(item) for item in top) <= 1 + 1e-9
    pieces, _ = stream_chat(client, **body)
    assert [token for piece in pieces if piece["logprobs"] for token in piece["logprobs"]["content"]] == tokens
    (bare,) = ask_chat(client, content=content, logprobs=True, max_tokens=3)["choices"]
    assert [token["top_logprobs"] for token in bare["logprobs"]["content"]] == [[]] * 3


def calls(message: dict[str, Any]) -> list[tuple[str, Any]]:
    return [
        (tool_call["function"]["name"], json.loads(tool_call["function"]["arguments"]))
        for tool_call in message["tool_calls"]
    ]


@pytest.mark.parametrize(
    ("content", "choice", "names"),
    [
        ("Hello!", "auto", []),
        ("Hello!", "none", []),
        ("Hello!", "required", ["get_weather"]),
        ("Hello!", {"type": "function", "function": {"name": "add"}}, ["add"]),
        ("Call add and get_weather.", None, ["get_weather", "add"]),
        ("Call add.", "required", ["add"]),
        ("Is add a tool? Hello!", "none", []),
    ],
)
def test_calls(client: httpx.Client, content: str, choice: Any, names: list[str]) -> None:
    body = {"content": content, "tools": TOOLS, "tool_choice": choice}
    answer = ask_chat(client, **body)
    (whole,) = answer["choices"]
    pieces, used = stream_chat(client, **body)
    assert alike(used) == alike(answer["usage"])
    assert pieces[-1]["finish_reason"] == whole["finish_reason"] == ("tool_calls" if names else "stop")
    if not names:
        assert whole["message"].keys() == {"role", "content"}
        return
    assert whole["message"]["content"] is None
    called = calls(whole["message"])
    assert [name for name, _ in called] == names
    for name, arguments in called:
        jsonschema.validate(arguments, WEATHER if name == "get_weather" else SUM)
    assert len({tool_call["id"] for tool_call in whole["message"]["tool_calls"]}) == len(names)
    fragments = [tool_call for piece in pieces for tool_call in piece["delta"].get("tool_calls", [])]
    assert len(fragments) > 3 * len(names)
    for number, (name, arguments) in enumerate(called):
        first, *others = [fragment for fragment in fragments if fragment["index"] == number]
        assert (first["type"], first["function"]) == ("function", {"name": name, "arguments": ""})
        assert first["id"].startswith("call_")
        assert all(other.keys() == {"index", "function"} for other in others)
        assert json.loads("".join(other["function"]["arguments"] for other in others)) == arguments


def test_one_call_at_a_time_and_a_call_that_is_cut(client: httpx.Client) -> None:
    body = {"content": "Call add and get_weather.", "tools": TOOLS}
    (one,) = ask_chat(client, **body, parallel_tool_calls=False)["choices"]
    assert len(one["message"]["tool_calls"]) == 1
    for limit in (2, 9):
        answer = ask_chat(client, **body, max_tokens=limit)
        assert answer["choices"][0]["finish_reason"] == "length"
        assert answer["usage"]["completion_tokens"] == limit
    (two,) = ask_chat(client, **body, n=2, max_tokens=40)["choices"][1:]
    assert len(two["message"]["tool_calls"]) == 2


def test_the_conversation_goes_on_after_a_call(client: httpx.Client) -> None:
    first = ask_chat(client, content="Call add.", tools=TOOLS)["choices"][0]["message"]
    results = [{"role": "tool", "tool_call_id": tool_call["id"], "content": "5"} for tool_call in first["tool_calls"]]
    messages = [{"role": "user", "content": "Call add."}, first, *results]
    answer = client.post(PATH, json=chat() | {"messages": messages, "tools": TOOLS}).json()
    assert answer["choices"][0]["message"]["content"]
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert (
        answer["usage"]["prompt_tokens"] > ask_chat(client, content="Call add.", tools=TOOLS)["usage"]["prompt_tokens"]
    )


def test_json_that_obeys_its_schema(client: httpx.Client) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA, "strict": True}}
    answer = ask_chat(client, response_format=form)
    text = answer["choices"][0]["message"]["content"]
    jsonschema.validate(json.loads(text), SCHEMA)
    assert "größe" in text
    assert answer["usage"]["prompt_tokens"] > ask_chat(client)["usage"]["prompt_tokens"]
    pieces, used = stream_chat(client, response_format=form)
    assert "".join(piece["delta"].get("content", "") for piece in pieces) == text
    assert alike(used) == alike(answer["usage"])
    cut = ask_chat(client, response_format=form, max_tokens=3)["choices"][0]
    assert text.startswith(cut["message"]["content"])
    assert cut["finish_reason"] == "length"
    (anything,) = ask_chat(client, response_format={"type": "json_object"})["choices"]
    assert isinstance(json.loads(anything["message"]["content"]), dict)


@pytest.mark.parametrize("edition", ["hardened", "naive"])
def test_the_gateway_passes_all_of_it_on(client: httpx.Client, edition: str) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}
    bodies: list[dict[str, Any]] = [
        {"n": 3, "temperature": 1.5, "seed": 2, "logprobs": True, "top_logprobs": 2, "max_tokens": 8},
        {"content": "Call add and get_weather.", "tools": TOOLS, "tool_choice": "required"},
        {"response_format": form},
    ]
    backend = cast(Raw, SimpleNamespace(url=str(client.base_url)))
    with gateway(edition, backend) as through:
        for body in bodies:
            assert alike(ask_chat(through, **body)) == alike(ask_chat(client, **body))
            assert alike(stream_chat(through, **body)) == alike(stream_chat(client, **body))
        refused = [item.post(PATH, json=chat(n=9)) for item in (through, client)]
        assert refused[0].json() == refused[1].json()
        assert [item.status_code for item in refused] == [400, 400]


_FRESH = ("id", "created", "prompt_tokens_details")


def alike(value: Any) -> Any:
    """The value without what is made anew for each answer."""
    if isinstance(value, dict):
        return {name: alike(item) for name, item in value.items() if name not in _FRESH}
    return [alike(item) for item in value] if isinstance(value, list | tuple) else value
