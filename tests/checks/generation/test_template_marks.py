"""Marks of a chat template in texts: found in every form, and never where the request holds one or a model thinks."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from harness.checks.generation.template_marks import TextTally, find_template_mark, judge_template_marks
from harness.core.exchange import Answer, Choice, Exchange, Request, Response, Timing, ToolCall
from harness.core.verdict import Counterexample, Status
from harness.protocols.shared.chat_parts import separate_thinking


def show(summary: str, _: Exchange) -> Counterexample:
    return Counterexample(summary)


def make_exchange(text: str, *, prompt: str = "Hello", calls: tuple[ToolCall, ...] = ()) -> Exchange:
    choice = separate_thinking(Choice(0, text, "stop", calls))
    request = Request("POST", "/", (), json.dumps({"prompt": prompt}).encode())
    response = Response(200, (), json.dumps({"text": text}).encode())
    return Exchange(request, Timing(0.0, 0.0, done=1.0), response, Answer(choice.text, choices=(choice,)))


def judge(*exchanges: Exchange) -> tuple[Status, str]:
    tally = TextTally()
    for exchange in exchanges:
        tally.add(exchange, show)
    verdict = judge_template_marks(tally)
    return verdict.status, verdict.reason


MARKS = ["<|im_end|>", "<|eot_id|>", "</s>", "[/INST]", "<</SYS>>", "<end_of_turn>", "<\uff5cend\u2581of\uff5c>"]
MARKS += ["<tool_call>", "[TOOL_CALLS]", "<function=look_up>", "<pad>", "</think>"]


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_in_a_text_fails(mark: str) -> None:
    status, reason = judge(make_exchange("Fine."), make_exchange(f"An answer{mark}"))
    assert status is Status.FAIL
    assert "1 of 2 texts" in reason
    assert repr(mark) in reason


@pytest.mark.parametrize("text", ["a < b and c > d", "<p>bold</p>", "[1, 2]", "<|", "a thinking person", "x</span>"])
def test_ordinary_text_has_no_mark(text: str) -> None:
    assert find_template_mark(text) == ""
    assert judge(make_exchange(text))[0] is Status.PASS


TURNS = "Fine.\nUser: Thank you!\nAssistant: You are welcome."


def talk(text: str, asked: str = "Hello") -> Exchange:
    exchange = make_exchange(text)
    body = json.dumps({"messages": [{"role": "user", "content": asked}]}).encode()
    return replace(exchange, request=replace(exchange.request, body=body))


def test_made_up_turns_fail_in_a_conversation_alone() -> None:
    status, reason = judge(talk("Fine."), talk(TURNS))
    assert status is Status.FAIL
    assert "User: Thank you!" in reason
    assert judge(talk(TURNS, TURNS), talk("Fine."))[0] is Status.PASS
    assert judge(make_exchange(TURNS))[0] is Status.PASS
    assert judge(talk("Write User: and your question."))[0] is Status.PASS


@pytest.mark.parametrize("text", ["assistant\n\nFine.", "model\nFine."])
def test_the_name_of_a_role_before_the_text_fails(text: str) -> None:
    assert judge(make_exchange(text))[0] is Status.FAIL
    assert judge(make_exchange(f"The {text}"))[0] is Status.PASS


def test_what_the_request_holds_may_come_back() -> None:
    assert judge(make_exchange("It is <|im_end|>.", prompt="What is <|im_end|>?"))[0] is Status.INCONCLUSIVE
    assert (
        judge(make_exchange("It is <think>.", prompt="Is </s> like <think>?"), make_exchange("Fine."))[0] is Status.PASS
    )


def test_thinking_between_both_tags_is_no_text_and_a_lone_tag_is_a_mark() -> None:
    assert judge(make_exchange("<think>Hm.</think>Yes."))[0] is Status.PASS
    assert judge(make_exchange("Hm.</think>Yes."))[0] is Status.FAIL


def test_a_mark_in_a_call_of_a_tool_fails() -> None:
    assert judge(make_exchange("", calls=(ToolCall("c", "look_up", '{"city": "Berlin<|im_end|>"}'),)))[0] is Status.FAIL


def test_the_share_has_its_bound() -> None:
    texts = [make_exchange(f"Text {number}") for number in range(57)]
    status, reason = judge(*texts, *(make_exchange("</s>") for _ in range(3)))
    assert status is Status.FAIL
    assert reason.startswith("3 of 60 texts (at 95 %, at least 0.014 of all)")
    assert judge()[0] is Status.INCONCLUSIVE
