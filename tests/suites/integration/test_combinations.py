"""Services that are right with each option and wrong with some together do not pass, and the headline says which."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from harness.core.endpoint import Endpoint
from harness.core.settings import Promises, Settings
from harness.core.verdict import Status, Verdict
from tests.services import QUICK, asking
from tests.suites.integration.chatservice import Change, chat

suite = import_module("harness.suites.integration.test_combinations")


def judge_combined(
    folder: Path, request: Change | None = None, answer: Change | None = None, *, deterministic: bool = False
) -> Verdict:
    with chat(request, answer) as url:
        endpoint = Endpoint(url, "openai_chat", model="tiny-chat", deadlines=QUICK)
        promises = Promises(deterministic=deterministic, tools=True, choices=True)
        with asking(Settings(endpoint, ("integration",), promises=promises), folder) as session:
            session.begin_check()
            verdict: Verdict = suite.test_combinations(session)
            assert session.sent_requests <= suite.test_combinations.__aicheck__.requests
            return verdict


def has_parts(body: dict[str, Any]) -> bool:
    return isinstance(body["messages"][-1]["content"], list)


def refuse_warm_parts(body: dict[str, Any]) -> None:
    if has_parts(body) and body["temperature"]:
        body["messages"] = 5


def refuse_parts(body: dict[str, Any]) -> None:
    if has_parts(body):
        body["messages"] = 5


def lose_warm_parts(body: dict[str, Any]) -> None:
    if has_parts(body) and body["temperature"]:
        body["messages"][-1]["content"] = "Hello."


def lose_parts(body: dict[str, Any]) -> None:
    if has_parts(body):
        body["messages"][-1]["content"] = "Hello."


def take_one_of_stream(body: dict[str, Any]) -> None:
    if body.get("stream"):
        body.pop("n", None)


def ignore_limit_of_streams(body: dict[str, Any]) -> None:
    if body.get("stream") and "max_completion_tokens" in body:
        body["max_completion_tokens"] = 400


def call_in_streams(body: dict[str, Any]) -> None:
    if body.get("tool_choice") == "none" and body.get("stream"):
        body["tool_choice"] = "required"


@pytest.mark.parametrize(
    ("request_change", "status", "words"),
    [
        (None, Status.PASS, "are answered as each option promises"),
        (refuse_parts, Status.PASS, "are refused"),
        (refuse_warm_parts, Status.PASS, "are refused"),
        (lose_parts, Status.PASS, "combinations of 8 options"),
        (lose_warm_parts, Status.FAIL, "with temperature 0.7 and the content as parts together, and not without one"),
        (take_one_of_stream, Status.FAIL, "n of 2 together, and not without one of them: n is 2"),
        (ignore_limit_of_streams, Status.FAIL, "max_completion_tokens together, and not without one of them: "),
        (call_in_streams, Status.FAIL, "tools with tool_choice none together, and not without one of them: 'get_weath"),
    ],
)
def test_what_fails_together_is_named(
    tmp_path: Path, request_change: Change | None, status: Status, words: str
) -> None:
    verdict = judge_combined(tmp_path, request_change)
    assert verdict.status is status, verdict.reason
    assert words in verdict.reason


def test_what_fails_alone_is_left_to_its_own_check(tmp_path: Path) -> None:
    verdict = judge_combined(tmp_path, lose_parts, deterministic=True)
    assert verdict.status is Status.PASS, verdict.reason
    assert "not combined: the content as parts, which fails alone" in " ".join(verdict.notes)


def test_a_service_that_always_fails_shows_nothing(tmp_path: Path) -> None:
    verdict = judge_combined(tmp_path, lambda body: body.update(messages=5))
    assert verdict.status is Status.INCONCLUSIVE
    assert "a valid request is not answered" in verdict.reason
