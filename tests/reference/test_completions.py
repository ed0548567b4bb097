from __future__ import annotations

import httpx
import msgspec
import pytest

BODY = {"model": "tiny-chat", "prompt": "Count.", "max_tokens": 4, "temperature": 0}


def ask(client: httpx.Client, **more: object) -> httpx.Response:
    return client.post("/v1/completions", json=BODY | more)


def test_a_prompt_is_answered(client: httpx.Client) -> None:
    answer = ask(client).json()
    assert answer["choices"] == [
        {"index": 0, "text": "one two three four", "logprobs": None, "finish_reason": "length"}
    ]
    assert answer["usage"]["completion_tokens"] == 4
    assert ask(client, max_tokens=1000, prompt="What is one plus one?").json()["choices"][0]["finish_reason"] == "stop"


def test_an_echoed_prompt_has_its_log_probabilities(client: httpx.Client) -> None:
    choice = ask(client, echo=True, logprobs=2, prompt="What is one plus qqqq?").json()["choices"][0]
    lists = choice["logprobs"]
    assert choice["text"].startswith("What is one plus qqqq?")
    assert "".join(lists["tokens"]) == choice["text"]
    first, *others = lists["token_logprobs"]
    assert first is None
    assert all(number <= 0 for number in others)
    assert lists["text_offset"][:3] == [0, 4, 7]
    alone = ask(client, logprobs=2, prompt="What is one plus qqqq?").json()["choices"][0]["logprobs"]
    assert alone["tokens"] == lists["tokens"][-len(alone["tokens"]) :]


def test_every_choice_is_written(client: httpx.Client) -> None:
    more = {"prompt": "Tell me a story.", "temperature": 1, "seed": 5, "n": 2, "max_tokens": 12}
    choices = ask(client, **more).json()["choices"]
    assert [choice["index"] for choice in choices] == [0, 1]
    assert choices[0]["text"] != choices[1]["text"]


@pytest.mark.parametrize("more", [{}, {"echo": True, "logprobs": 2}, {"stop": "three"}])
def test_a_stream_brings_what_the_whole_answer_has(client: httpx.Client, more: dict[str, object]) -> None:
    whole = ask(client, **more).json()
    streamed = ask(client, stream=True, stream_options={"include_usage": True}, **more).text
    *chunks, usage, end = [line.removeprefix("data: ") for line in streamed.split("\n\n") if line]
    choices = [msgspec.json.decode(chunk)["choices"][0] for chunk in chunks]
    expected = whole["choices"][0]
    assert "".join(choice["text"] for choice in choices) == expected["text"]
    assert choices[-1]["finish_reason"] == expected["finish_reason"]
    assert {choice["finish_reason"] for choice in choices[:-1]} == {None}
    assert (msgspec.json.decode(usage)["usage"], end) == (whole["usage"], "[DONE]")
    lists = [choice["logprobs"] for choice in choices if choice["logprobs"]]
    for name, values in (expected["logprobs"] or {}).items():
        assert [value for part in lists for value in part[name]] == values


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"n": 0}, "n"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": "a " * 5000}, "prompt"),
    ],
)
def test_what_it_cannot_do_is_refused(client: httpx.Client, more: dict[str, object], param: str) -> None:
    answer = ask(client, **more)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param
