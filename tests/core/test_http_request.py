"""Conditions on requests: what they match, what they do not, and values that no request can match."""

from __future__ import annotations

from typing import Any

import pytest

from harness.core.http1 import MessageHead
from harness.core.http_request import HttpParameters, HttpRequest, RequestCondition

BODY = b'{"model": "gpt-4o", "stream": true, "messages": [{"role": "user", "content": "a: b"}], "n": null}'


def make_request(body: bytes = BODY, target: str = "/v1/chat/completions?a=1") -> HttpRequest:
    request = HttpRequest(MessageHead(f"POST {target} HTTP/1.1\r\nX-Tenant: Gold-7\r\n\r\n".encode()))
    for start in range(0, len(body), 10):
        request.add_data(body[start : start + 10])
    request.complete()
    return request


@pytest.mark.parametrize(
    ("conditions", "is_met"),
    [
        ({}, True),
        ({"method": "post"}, True),
        ({"method": "GET"}, False),
        ({"path": "/v1/"}, True),
        ({"path": "/v1/*/completions"}, True),
        ({"path": "/chat"}, False),
        ({"header": "x-tenant"}, True),
        ({"header": "X-Tenant: gold*"}, True),
        ({"header": "x-tenant: silver"}, False),
        ({"header": "x-other"}, False),
        ({"body": "stream: true"}, True),
        ({"body": "model: gpt-*"}, True),
        ({"body": "model: GPT-*"}, False),
        ({"body": "messages.0.content: a: b"}, True),
        ({"body": "messages.1.content"}, False),
        ({"body": "n"}, True),
        ({"body": "tools"}, False),
        ({"path": "/v1/", "body": "stream: false"}, False),
    ],
)
def test_conditions(conditions: dict[str, Any], is_met: bool) -> None:
    assert RequestCondition(HttpParameters(**conditions)).is_met(make_request()) is is_met


def test_a_body_that_is_not_there_meets_no_condition() -> None:
    condition = RequestCondition(HttpParameters(body="stream"))
    assert not condition.is_met(make_request(b'{"stream": tr'))
    assert not condition.is_met(make_request(b'{"stream": true, "x": "' + b"a" * (1 << 20) + b'"}'))
    unfinished = HttpRequest(MessageHead(b"POST / HTTP/1.1\r\n\r\n"))
    unfinished.add_data(BODY)
    assert not condition.is_met(unfinished)


def test_an_absolute_target_has_a_path() -> None:
    assert make_request(target="http://127.0.0.1:80/v1/x").target == "/v1/x"


@pytest.mark.parametrize("values", [{"header": "x-a = b"}, {"header": ": b"}, {"body": ": true"}])
def test_a_condition_that_nothing_can_meet_is_refused(values: dict[str, Any]) -> None:
    assert f"attribute {next(iter(values))} must be like" in HttpParameters(**values).find_problem()


@pytest.mark.parametrize(("answered", "is_met"), [("", True), ("4*", True), ("422", True), ("5*", False)])
def test_a_fault_may_ask_for_a_status(answered: str, is_met: bool) -> None:
    assert RequestCondition(HttpParameters(answered=answered)).is_met_by_answer(422) is is_met


def test_the_first_requests_pass_on_all_connections_together() -> None:
    memory: dict[Any, Any] = {}
    connections = [RequestCondition(HttpParameters(skip=3)) for _ in range(2)]
    passed = [connections[number % 2].passes_first(memory) for number in range(5)]
    assert passed == [True, True, True, False, False]
