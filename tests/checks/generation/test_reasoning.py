"""The promise that a model thinks, or does not, and the promised limit of the output."""

from __future__ import annotations

import pytest

from harness.checks.generation.parameters import judge_output_limit
from harness.checks.generation.reasoning import SPELLINGS, judge_reasoning
from harness.core.errors import ErrorClass
from harness.core.exchange import Answer, Choice, Exchange, Request, Response, Timing, Usage
from harness.core.verdict import Counterexample, Status

REQUEST = Request("POST", "/")


def show(summary: str, _: Exchange) -> Counterexample:
    return Counterexample(summary)


def make_exchange(
    text: str = "Yes.", reasoning: str = "", *, tokens: int = 3, thoughts: int = 0, end: str = "stop"
) -> Exchange:
    usage = Usage(prompt_tokens=1, completion_tokens=tokens, reasoning_tokens=thoughts or None)
    answer = Answer(text, finish_reason=end, usage=usage, choices=(Choice(0, text, end, reasoning=reasoning),))
    return Exchange(REQUEST, Timing(0.0, 0.0, done=1.0), Response(200, ()), answer)


def make_failure(status: int) -> Exchange:
    return Exchange(REQUEST, Timing(0.0, 0.0, done=1.0), Response(status, ()), error=ErrorClass.STATUS)


THINKING = make_exchange(reasoning="Hm, what is asked?")


@pytest.mark.parametrize(
    ("promise", "spelt", "status"),
    [
        ("off", make_exchange(), Status.PASS),
        ("off", THINKING, Status.FAIL),
        ("off", make_exchange("<think>Hm."), Status.FAIL),
        ("off", make_exchange(thoughts=12), Status.FAIL),
        ("off", make_failure(400), Status.PASS),
        ("off", make_failure(500), Status.FAIL),
        ("off", make_failure(429), Status.INCONCLUSIVE),
        ("on", THINKING, Status.PASS),
        ("on", make_exchange(thoughts=12), Status.PASS),
        ("on", make_exchange(), Status.FAIL),
        ("on", make_exchange("", end="length"), Status.INCONCLUSIVE),
    ],
)
def test_each_spelling_keeps_the_promise_or_is_refused(promise: str, spelt: Exchange, status: Status) -> None:
    plain = THINKING if promise == "on" else make_exchange()
    verdict = judge_reasoning(promise, [("", plain), ("think true", spelt)], show)
    assert verdict.status is status, verdict.reason


@pytest.mark.parametrize(
    ("name", "spelt", "status"),
    [
        ("think true", THINKING, Status.PASS),
        ("think true", make_exchange(), Status.FAIL),
        ("reasoning_effort high", make_exchange(), Status.FAIL),
        ("reasoning_effort high", make_failure(400), Status.PASS),
        ("reasoning_effort high", make_exchange("", end="length"), Status.INCONCLUSIVE),
        ("reasoning_effort minimal", make_exchange(), Status.PASS),
        ('enable_thinking "false"', make_exchange(), Status.PASS),
        ('enable_thinking "false"', THINKING, Status.FAIL),
    ],
)
@pytest.mark.parametrize("plain", [make_exchange(), THINKING])
def test_a_switch_of_callers_switches_or_is_refused(
    name: str, spelt: Exchange, status: Status, plain: Exchange
) -> None:
    assert name in SPELLINGS
    verdict = judge_reasoning("callers", [("", plain), (name, spelt)], show)
    assert verdict.status is status, verdict.reason


def test_the_plain_request_must_be_answered_and_keep_the_promise() -> None:
    assert judge_reasoning("off", [("", make_failure(400))], show).status is Status.FAIL
    assert "with no switch" in judge_reasoning("on", [("", make_exchange())], show).reason


@pytest.mark.parametrize(
    ("exchange", "status"),
    [
        (make_exchange(tokens=20, end="length"), Status.PASS),
        (make_exchange(tokens=21, end="length"), Status.FAIL),
        (make_exchange(tokens=5), Status.INCONCLUSIVE),
        (make_failure(422), Status.PASS),
        (make_failure(500), Status.FAIL),
    ],
)
def test_no_answer_passes_the_promised_limit(exchange: Exchange, status: Status) -> None:
    assert judge_output_limit(20, [(80, exchange)], show).status is status
