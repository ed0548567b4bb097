"""Chats that lose one kind of message fail, by their counts or by what the model knows; the others pass."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from detection.change_request import keep_last_of_rows
from harness.checks.generation.conversation import MOST_TRIALS, MessageTrial, judge_messages
from harness.checks.generation.text_cases import count_common
from harness.core.endpoint import Endpoint
from harness.core.exchange import Answer, Exchange, Request, Response, Timing, Usage
from harness.core.settings import Promises, Settings
from harness.core.verdict import Counterexample, Status, Verdict
from tests.services import QUICK, asking
from tests.suites.integration.chatservice import Change, ChangePair, change_text, chat, counts, set_to, usage_less

CHECKS = ("test_messages", "test_tool_messages", "test_unknown_messages", "test_reasoning", "test_hidden_prompt")


def judge(
    folder: Path,
    name: str,
    request: Change | None = None,
    answer: Change | None = None,
    pair: ChangePair | None = None,
) -> Verdict:
    with chat(request, answer, pair) as url:
        endpoint = Endpoint(url, "openai_chat", model="tiny-chat", deadlines=QUICK)
        settings = Settings(endpoint, ("integration",), promises=Promises(tools=True))
        with asking(settings, folder) as session:
            session.begin_check()
            test = getattr(import_module("harness.suites.integration.test_conversation"), name)
            verdict: Verdict = test(session)
            assert session.sent_requests <= test.__aicheck__.requests
            return verdict


@pytest.mark.parametrize("name", CHECKS)
def test_a_right_service_passes(tmp_path: Path, name: str) -> None:
    verdict = judge(tmp_path, name)
    assert verdict.status is Status.PASS, verdict.reason


def lose(role: str, *, later: bool = False) -> Change:
    """Messages of a role do not reach the model; `later`: not those after the first place."""

    def change(body: dict[str, Any]) -> None:
        for place, message in enumerate(body["messages"]):
            if message["role"] == role and (place or not later):
                message["content"] = "."

    return change


def keep_last(role: str) -> Change:
    return lambda body: keep_last_of_rows(body, role)


def keep_window(body: dict[str, Any]) -> None:
    body["messages"] = body["messages"][-20:]


def hide_numbers_of_calls(body: dict[str, Any]) -> None:
    """The model reads the arguments of calls, and makes nothing of the numbers in them."""
    for message in body["messages"]:
        for call in message.get("tool_calls") or ():
            text = json.dumps(call["function"]["arguments"])
            call["function"]["arguments"] = json.loads(re.sub(r"\d", "x", text))


def refuse_later_system(body: dict[str, Any]) -> None:
    if any(message["role"] == "system" for message in body["messages"][1:]):
        body["messages"] = 5


def drop_member(name: str) -> Change:
    return lambda body: [message.pop(name, None) for message in body["messages"]]


def both(*changes: Change) -> Change:
    return lambda body: [change(body) for change in changes]


def hide_tools(wanted: Callable[[dict[str, Any]], bool]) -> Change:
    """The tools do not reach the model where `wanted` holds for the request."""
    return lambda body: wanted(body) and [body.pop(name, None) for name in ("tools", "tool_choice")]


def has_role(role: str) -> Callable[[dict[str, Any]], bool]:
    return lambda body: any(message["role"] == role for message in body["messages"])


def is_streamed(body: dict[str, Any]) -> bool:
    return body.get("stream") is True


def has_choice(body: dict[str, Any]) -> bool:
    return "tool_choice" in body


def cut_descriptions(body: dict[str, Any]) -> None:
    for tool in body.get("tools") or ():
        tool["function"]["description"] = ""


def refuse_system_beside_tools(body: dict[str, Any]) -> None:
    if body.get("tools") and has_role("system")(body):
        body["messages"] = 5


SILENT = change_text(lambda text: "Thank you.")
MUTE = counts(set_to(prompt_tokens=None))
WRONG = [
    (
        "counted and known",
        "test_messages",
        lose("system"),
        None,
        "what stands in a system message at the beginning does not reach",
    ),
    (
        "only counted",
        "test_messages",
        lose("system", later=True),
        SILENT,
        "in the middle does not reach the model: it a",
    ),
    ("only known", "test_messages", lose("system", later=True), MUTE, "a number there is known in none of 7 answers"),
    ("results", "test_tool_messages", lose("tool"), None, "the result of a tool does not reach the model"),
    ("two results", "test_tool_messages", keep_last("tool"), None, "the first of two results of tools at the end"),
    ("first of a row", "test_messages", keep_last("user"), None, "the first of two user messages in a row does not"),
    ("two system messages", "test_messages", keep_last("system"), None, "the first of two system messages in a row"),
    ("two answers", "test_messages", keep_last("assistant"), None, "the first of two answers in a row does not reach"),
    ("a window", "test_messages", keep_window, None, "in a message before 40 others does not reach the model"),
    (
        "tools after a result",
        "test_tool_messages",
        hide_tools(has_role("tool")),
        None,
        "the tools are not shown to the model after the result of a tool: longer descriptions add 0",
    ),
    (
        "tools after a system message",
        "test_tool_messages",
        hide_tools(has_role("system")),
        SILENT,
        "after a system message",
    ),
    ("tools after an answer", "test_tool_messages", hide_tools(has_role("assistant")), None, "after an earlier answer"),
    ("tools streamed", "test_tool_messages", hide_tools(is_streamed), None, "the model in a stream"),
    ("tools with auto", "test_tool_messages", hide_tools(has_choice), None, "beside the tool_choice auto"),
    ("newer name", "test_reasoning", drop_member("reasoning"), None, "under the name 'reasoning' does not reach"),
    ("older name", "test_reasoning", drop_member("reasoning_content"), None, "under the name 'reasoning_content'"),
]


@pytest.mark.parametrize(
    ("name", "request_", "answer", "because"), [row[1:] for row in WRONG], ids=[e[0] for e in WRONG]
)
def test_a_lost_message_fails(tmp_path: Path, name: str, request_: Change, answer: Change | None, because: str) -> None:
    verdict = judge(tmp_path, name, request_, answer)
    assert verdict.status is Status.FAIL, verdict.reason
    assert because in verdict.reason
    assert verdict.counterexamples[0].curl


NEITHER = both(drop_member("reasoning"), drop_member("reasoning_content"))
RIGHT = [
    (
        "repeats nothing",
        "test_messages",
        None,
        SILENT,
        "for 15 kinds the stated prompt tokens show it, for 0 the answer does",
    ),
    (
        "states no tokens",
        "test_messages",
        None,
        MUTE,
        "each of 15 kinds of message reaches the model: for 0 kinds the stated prompt tokens show it, for 15 the",
    ),
    ("refuses one kind", "test_messages", refuse_later_system, None, "refused: a system message in the middle"),
    ("overlooks arguments", "test_tool_messages", hide_numbers_of_calls, None, "each of 9 kinds of message reaches"),
    ("counts no descriptions", "test_tool_messages", cut_descriptions, None, "not judged: longer descriptions"),
    ("counts no tokens", "test_tool_messages", None, MUTE, "is not judged: longer descriptions"),
    (
        "counts nothing in streams",
        "test_tool_messages",
        None,
        counts(set_to(prompt_tokens=None), whole=False),
        "not stated or refused: in a stream, after the result of a tool, in a stream",
    ),
    ("no system", "test_tool_messages", refuse_system_beside_tools, None, "or refused: after a system"),
    ("reads no reasoning", "test_reasoning", NEITHER, None, "left out alike"),
]


@pytest.mark.parametrize(
    ("name", "request_", "answer", "because"), [row[1:] for row in RIGHT], ids=[e[0] for e in RIGHT]
)
def test_what_shows_that_all_is_read_passes(
    tmp_path: Path, name: str, request_: Change | None, answer: Change | None, because: str
) -> None:
    verdict = judge(tmp_path, name, request_, answer)
    assert verdict.status is Status.PASS, verdict.reason
    assert because in f"{verdict.reason} {verdict.notes}"


def break_on(role: str, times: int = 10**6) -> Change:
    """A message of this role is a server error, the first few times."""
    left = itertools.repeat(True, times)

    def change(body: dict[str, Any]) -> None:
        if has_role(role)(body) and next(left, False):
            raise RuntimeError("no such role")

    return change


def test_a_server_error_for_a_kind_of_message_is_a_warning_that_names_it(tmp_path: Path) -> None:
    verdict = judge(tmp_path, "test_unknown_messages", break_on("tool"))
    assert verdict.status is Status.FAIL
    assert "the result of a tool is not refused with a 4xx, but by a server error: HTTP 500" in verdict.reason
    taken = judge(tmp_path, "test_messages", break_on("system"))
    assert taken.status is Status.PASS
    assert "where a 4xx is due: a system message at the beginning (HTTP 500" in taken.reason


def test_a_stray_server_error_hides_no_lost_message(tmp_path: Path) -> None:
    verdict = judge(tmp_path, "test_messages", both(break_on("system", 1), lose("system")))
    assert verdict.status is Status.FAIL
    assert "a system message at the beginning" in verdict.reason


def test_a_refused_kind_of_message_is_no_warning(tmp_path: Path) -> None:
    assert judge(tmp_path, "test_unknown_messages", refuse_later_system).status is Status.PASS


def test_a_service_that_counts_only_what_is_not_cached_passes(tmp_path: Path) -> None:
    """Its template writes the tools first, once, and the conversation behind them."""
    seen: list[str] = []

    def count_uncached(request: dict[str, Any], answer: dict[str, Any]) -> None:
        if not answer.get("usage"):
            return
        prompt = json.dumps([request.get("tools"), request["messages"]])
        cached = max((count_common(prompt, earlier) for earlier in seen), default=0)
        seen.append(prompt)
        answer["usage"]["prompt_tokens"] = len(prompt[cached:].split()) + 1

    verdict = judge(tmp_path, "test_tool_messages", pair=count_uncached)
    assert verdict.status is Status.PASS, verdict.reason
    assert "the tools are shown to the model in 8 kinds of conversation, by its prompt tokens" in verdict.notes


@pytest.mark.parametrize("name", [name for name in CHECKS if name != "test_unknown_messages"])
def test_without_counts_and_knowledge_nothing_is_said(tmp_path: Path, name: str) -> None:
    verdict = judge(tmp_path, name, None, both(usage_less, SILENT))
    assert verdict.status is Status.INCONCLUSIVE, verdict.reason


def test_a_hidden_prompt_is_told_with_its_number(tmp_path: Path) -> None:
    def add(body: dict[str, Any]) -> None:
        if body["messages"][0]["role"] != "system":
            body["messages"].insert(0, {"role": "system", "content": "You are the assistant of a shop, and kind. " * 3})

    verdict = judge(tmp_path, "test_hidden_prompt", add)
    assert verdict.status is Status.FAIL
    assert "a hidden prompt of about" in verdict.reason


def make_trial(stated: int, silent: int, control: int) -> MessageTrial:
    """A message of 27 words after which the model says nothing of use, by the prompt tokens of its three answers."""

    def answer(tokens: int) -> Exchange:
        given = Answer("Well.", finish_reason="stop", usage=Usage(prompt_tokens=tokens, completion_tokens=1))
        return Exchange(Request("POST", "/"), Timing(0.0, 0.0, done=1.0), Response(200), given)

    return MessageTrial("99999999", answer(stated), answer(silent), answer(control), is_asked_last=False, words=27)


@pytest.mark.parametrize(
    ("added", "status", "words"),
    [
        (0, Status.FAIL, "its 27 words add 0 prompt tokens, and those of other messages are counted"),
        (20, Status.PASS, "each of 2 kinds of message reaches the model"),
        (9, Status.INCONCLUSIVE, "no prompt tokens are stated"),
    ],
)
def test_counts_beside_a_call_show_whether_its_result_is_read(added: int, status: Status, words: str) -> None:
    read, doubtful = make_trial(150, 120, 50), make_trial(120 + added, 120, 50)
    trials = {"a result": [read], "another result": [doubtful] * MOST_TRIALS}
    verdict = judge_messages(trials, lambda summary, _: Counterexample(summary))
    assert verdict.status is status, verdict.reason
    assert words in verdict.reason
