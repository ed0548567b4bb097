from __future__ import annotations

import base64
import json
from itertools import count
from typing import Any

import pytest

from harness.checks.bad_input.fetched_urls import MOST_URL_REQUESTS, judge_fetches, list_url_requests
from harness.core.errors import ErrorClass
from harness.core.exchange import Exchange, Request, Response, Timing
from harness.core.verdict import Counterexample, Status

CHAT = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
BODIES = [
    CHAT,
    {"model": "m", "input": "Hi"},
    {"instances": [[1.0, 2.0]]},
    {"inputs": [{"name": "a", "shape": [1, 1], "datatype": "BYTES", "data": ["x"]}]},
    [[1.0, 2.0]],
]


def make_requests(body: Any) -> list[Any]:
    numbers = count()
    valid = Request("POST", "/predict", (("content-type", "application/json"),), json.dumps(body).encode())
    return list_url_requests(valid, 4711, lambda: f"TOKEN{next(numbers):04}X")


@pytest.mark.parametrize("body", BODIES, ids=["chat", "responses", "rows", "tensors", "list"])
def test_each_request_names_the_address_with_a_token_of_its_own(body: Any) -> None:
    requests = make_requests(body)
    assert 5 < len(requests) < MOST_URL_REQUESTS
    tokens = [one.token for one in requests]
    assert len(set(tokens)) == len(tokens)
    for one in requests:
        whole = f"{one.request.path} {one.request.headers} {one.request.body.decode()}"
        if "base64," in whole:
            whole += base64.b64decode(whole.partition("base64,")[2].partition('"')[0]).decode()
        assert one.token in whole
        assert "4711" in whole
        assert sum(token in whole for token in tokens) == 1


def test_a_chat_has_the_address_in_every_kind_of_part_and_in_every_spelling() -> None:
    names = " ".join(one.name for one in make_requests(CHAT))
    for words in (
        "image_url",
        "video_url",
        "schema",
        "callback_url",
        "short address",
        "IPv6",
        "entity",
        "model's name",
    ):
        assert words in names


def answer(error: ErrorClass | None = None) -> Exchange:
    return Exchange(Request("POST", "/"), Timing(0.0), None if error else Response(200), error=error)


def show(summary: str, exchange: Exchange) -> Counterexample:
    return Counterexample(summary)


def test_only_a_fetch_fails_and_silence_decides_nothing() -> None:
    sent = [(one, answer()) for one in make_requests(CHAT)]
    hit = {sent[0][0].token: ("python-httpx/0.28",)}
    verdict = judge_fetches(sent, hit, answer(), show)
    assert verdict.status is Status.FAIL
    assert "image_url is fetched (by python-httpx/0.28)" in verdict.reason
    assert judge_fetches(sent, {"another": ("",)}, answer(), show).status is Status.PASS
    silent = [(sent[0][0], answer(ErrorClass.TOTAL_TIMEOUT)), *sent[1:]]
    assert judge_fetches(silent, {}, answer(), show).status is Status.INCONCLUSIVE
    assert judge_fetches(silent, hit, answer(), show).status is Status.FAIL
    assert judge_fetches(sent, hit, answer(ErrorClass.STATUS), show).status is Status.INCONCLUSIVE
