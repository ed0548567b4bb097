"""Services that are right with each option and wrong with some together do not pass, and the headline says which."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from harness.checks.control import Control
from harness.checks.generation import combinations as parts
from harness.checks.generation.combinations import CombinationTrial, PlainAnswers, find_broken
from harness.core.endpoint import Endpoint
from harness.core.exchange import Answer, Choice, Exchange, Request, Response, Timing, Usage
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


def test_the_prompt_that_failed_is_the_one_asked_with_fewer_in_flight(tmp_path: Path) -> None:
    """The first prompt's answer ends before any limit, so that it does not show that one is ignored."""
    prompts: list[str] = []

    def ignore_limit(body: dict[str, Any]) -> None:
        content = body["messages"][-1]["content"]
        prompts.append("".join(part["text"] for part in content) if isinstance(content, list) else content)
        if "max_completion_tokens" in body and prompts[-1] not in prompts[:1]:
            body["max_completion_tokens"] = 400

    verdict = judge_combined(tmp_path, ignore_limit)
    assert verdict.status is Status.PASS, verdict.reason
    assert "not combined: max_completion_tokens, which fails alone" in " ".join(verdict.notes)


def test_a_service_that_always_fails_shows_nothing(tmp_path: Path) -> None:
    verdict = judge_combined(tmp_path, lambda body: body.update(messages=5))
    assert verdict.status is Status.INCONCLUSIVE
    assert "a valid request is not answered" in verdict.reason


def answer_cut(*texts: str, tokens: int) -> Exchange:
    choices = tuple(Choice(number, text, "length") for number, text in enumerate(texts))
    answer = Answer(texts[0], choices=choices, finish_reason="length", usage=Usage(9, tokens), complete=True)
    return Exchange(Request("POST", "/"), Timing(0.0), Response(200), answer)


@pytest.mark.parametrize(
    ("tokens", "second", "words"),
    [
        (8, "48213765", ""),
        (4, "48213765", "4 completion tokens are stated for 2 choices that each reach the limit of 4"),
        (8, "48213765" + " and more" * 5, "choice 1 has 11 words, and at most 4 tokens were asked for"),
    ],
    ids=["right", "one is counted", "one goes on"],
)
def test_each_choice_is_counted_and_ends_at_its_limit(tokens: int, second: str, words: str) -> None:
    own = answer_cut("48213765", tokens=4)
    plain = PlainAnswers(Control([own], [own], ["48213765"]), None, None, {parts.NO_TOOLS: 4}, {})
    asked = {"form": parts.WHOLE, "tools": parts.NO_TOOLS, "choices": parts.TWO, "temperature": parts.TEMPERED}
    broken = find_broken(plain, CombinationTrial(asked, [(0, answer_cut("48213765", second, tokens=tokens))]))
    assert (broken[1] if broken else "") == words
