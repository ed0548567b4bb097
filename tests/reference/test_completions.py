from __future__ import annotations

import httpx
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


@pytest.mark.parametrize(
    ("more", "param"),
    [({"stream": True}, "stream"), ({"prompt": ""}, "prompt"), ({"prompt": "a " * 5000}, "prompt")],
)
def test_what_it_cannot_do_is_refused(client: httpx.Client, more: dict[str, object], param: str) -> None:
    answer = ask(client, **more)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param
