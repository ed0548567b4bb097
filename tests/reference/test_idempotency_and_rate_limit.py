"""Idempotency keys and the rate limit."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any

import httpx

from harness.reference.process import _list_arguments
from harness.reference.rate_limit import RateLimit
from harness.reference.settings import ServiceSettings

Serving = Callable[[ServiceSettings], AbstractContextManager[httpx.Client]]
PATH = "/v1/chat/completions"
BODY = {"model": "tiny-chat", "messages": [{"role": "user", "content": "Repeat after me: 12345678"}]}


def ask(client: httpx.Client, key: str, body: dict[str, Any] = BODY, path: str = PATH) -> httpx.Response:
    return client.post(path, json=body, headers={"idempotency-key": key})


def test_a_repeat_gets_the_first_answer_under_a_request_id_of_its_own(client: httpx.Client) -> None:
    first, again = ask(client, "one"), ask(client, "one")
    assert first.content == again.content
    assert first.headers["x-request-id"] != again.headers["x-request-id"]
    assert ask(client, "two").json()["id"] != first.json()["id"]
    assert client.post(PATH, json=BODY).json()["id"] != first.json()["id"]


def test_repeats_side_by_side_are_carried_out_once(serving: Serving) -> None:
    with serving(ServiceSettings(latency_ms=50, token_ms=0)) as client, ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: ask(client, "beside"), range(4)))
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert "reference_generations 1" in client.get("/metrics").text


def test_another_body_under_a_used_key_is_refused(client: httpx.Client) -> None:
    ask(client, "three")
    refused = ask(client, "three", BODY | {"max_tokens": 1})
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "idempotency_key_reused")
    assert ask(client, "three", {"instances": [[0.0] * 64]}, "/predict").status_code == 200


def test_a_stream_is_repeated_whole(client: httpx.Client) -> None:
    first, again = (ask(client, "four", BODY | {"stream": True}) for _ in range(2))
    assert first.text == again.text
    assert again.text.endswith("data: [DONE]\n\n")


def test_what_is_refused_is_kept_and_what_failed_is_not(serving: Serving) -> None:
    with serving(ServiceSettings(defects=("error_500_for_everything",))) as client:
        assert [ask(client, "five").status_code for _ in range(2)] == [500, 500]
    with serving(ServiceSettings()) as client:
        assert [ask(client, "five", {"model": 5}).status_code for _ in range(2)] == [400, 400]


def test_a_key_belongs_to_its_caller(serving: Serving) -> None:
    with serving(ServiceSettings(api_key="right")) as client:
        good = client.post(PATH, json=BODY, headers={"idempotency-key": "x", "authorization": "Bearer right"})
        assert good.status_code == 200
        assert ask(client, "x").status_code == 401


def test_the_oldest_answers_are_forgotten(client: httpx.Client) -> None:
    first = ask(client, "old").json()["id"]
    for number in range(300):
        ask(client, f"n{number}", {"instances": [[0.0] * 64]}, "/predict")
    assert ask(client, "old").json()["id"] != first


def test_inferences_over_the_limit_are_declined(serving: Serving) -> None:
    with serving(ServiceSettings(rate_limit=3)) as client:
        answers = [client.post("/predict", json={"instances": [[0.0] * 64]}) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        assert 55 <= int(answers[3].headers["retry-after"]) <= 60
        assert answers[3].json()["error"]["code"] == "rate_limit_exceeded"
        assert client.get("/health").status_code == client.get("/v1/models").status_code == 200


def test_a_place_is_free_a_minute_after_it_was_taken() -> None:
    now = [100.0]
    limit = RateLimit(2, lambda: now[0])
    assert [limit.admit(), limit.admit(), limit.admit()] == [0, 0, 60]
    now[0] = 159.5
    assert limit.admit() == 1
    now[0] = 160.0
    assert [limit.admit(), limit.admit(), limit.admit()] == [0, 0, 60]


def test_the_limit_is_handed_to_the_process() -> None:
    assert "--rate-limit=7" in _list_arguments(ServiceSettings(rate_limit=7), 0)
    assert not any("rate" in argument for argument in _list_arguments(ServiceSettings(), 0))
