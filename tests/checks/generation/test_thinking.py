"""Answers that were spent on thinking, are empty now and then, or have text and thinking in each other's place."""

from __future__ import annotations

from itertools import product

import pytest

from harness.checks.answers import health, valid_answer
from harness.checks.answers.golden import judge_golden_outputs
from harness.checks.answers.repeat import judge_repeated_value
from harness.checks.answers.replicas import judge_replicas
from harness.checks.generation import stream, thinking, usage
from harness.core.exchange import Answer, Choice, EventKind, Exchange, Request, Response, StreamEvent, Timing, Usage
from harness.core.tolerance import Tolerance
from harness.core.verdict import Counterexample, Status, Verdict

THOUGHT = "Okay, the user wants a greeting."


def show(summary: str, exchange: Exchange) -> Counterexample:
    return Counterexample(summary)


def make_exchange(
    text: str = "", thought: str = "", reason: str = "stop", usage: Usage | None = None, *, inline: bool = False
) -> Exchange:
    choice = Choice(0, text, reason, reasoning=thought, thinks_inline=inline)
    events = [StreamEvent(EventKind.ROLE)]
    events += [StreamEvent(EventKind.REASONING, text=thought)] if thought else []
    events += [StreamEvent(EventKind.DELTA, text=text)] if text else []
    events.append(StreamEvent(EventKind.FINISH, value=reason))
    answer = Answer(text=text, finish_reason=reason, usage=usage, choices=(choice,))
    return Exchange(Request("POST", "/"), Timing(0.0, done=0.1), Response(200), answer, tuple(events))


def judge_one_way(way: str, exchange: Exchange) -> Verdict:
    if way == "prediction":
        return health.judge_prediction(exchange, None, show)
    if way == "whole":
        return valid_answer.judge_answer(exchange, show)
    return stream.judge_stream([exchange], show)


WAYS = ("prediction", "whole", "stream")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("usage", "said"),
    [
        (Usage(5, 16, 21, 16), "16 of 16 tokens were thinking"),
        (Usage(5, 16), "16 of 16 tokens were thinking"),
        (Usage(5, 16, 21, 14), "14 of 16 tokens were thinking"),
        (None, f"all {len(THOUGHT)} characters within the limit of tokens were thinking"),
    ],
)
def test_a_limit_spent_on_thinking_shows_nothing(way: str, usage: Usage | None, said: str) -> None:
    for reason in ("length", "max_tokens"):
        verdict = judge_one_way(way, make_exchange("", THOUGHT, reason, usage))
        assert verdict.status is Status.INCONCLUSIVE
        assert said in verdict.reason
        assert "[endpoint] options" in verdict.reason


@pytest.mark.parametrize("way", WAYS)
def test_no_text_is_never_a_pass(way: str) -> None:
    for thought, reason in product(("", THOUGHT), ("stop", "length")):
        verdict = judge_one_way(way, make_exchange(" \n", thought, reason))
        assert verdict.status is not Status.PASS or (way, reason) == ("prediction", "stop")


@pytest.mark.parametrize("way", WAYS)
def test_thinking_before_a_text_is_healthy(way: str) -> None:
    assert judge_one_way(way, make_exchange("Hello!", THOUGHT)).status is Status.PASS


@pytest.mark.parametrize("way", ["whole", "stream"])
@pytest.mark.parametrize(
    ("texts", "status"),
    [
        (("",), Status.FAIL),
        (("", "", ""), Status.FAIL),
        (("", "", "Hello!"), Status.INCONCLUSIVE),
        (("", "Hello!"), Status.INCONCLUSIVE),
        (("Hello!",), Status.PASS),
    ],
)
def test_only_answers_that_are_always_empty_fail(way: str, texts: tuple[str, ...], status: Status) -> None:
    first, *others = map(make_exchange, texts)
    if way == "whole":
        verdict = valid_answer.judge_answer(first, show, again=others)
    else:
        verdict = stream.judge_stream([first, *others], show)
    assert verdict.status is status
    if status is Status.INCONCLUSIVE:
        assert "answers to this request have no text" in verdict.reason


SAME = "has as thinking what the"
MISPLACED = {
    "text streamed as thinking": ([make_exchange("", "Hello there!")], [make_exchange("Hello there!")], SAME),
    "text as thinking in the whole answer": (
        [make_exchange("Hello there!")],
        [make_exchange("", "Hello there!")],
        SAME,
    ),
    "a cut text": (
        [make_exchange("", "Hello there, how", "length")],
        [make_exchange("Hello there, how are you?", "", "length")],
        SAME,
    ),
    "thinking streamed as text": ([make_exchange(THOUGHT + "Hi!")], [make_exchange("Hi!", THOUGHT)], SAME),
    "thinking in the streamed text": (
        [make_exchange("Hi!", THOUGHT, inline=True)],
        [make_exchange("Hi!", THOUGHT)],
        "the stream has its thinking inside the text",
    ),
    "other words each time": (
        [make_exchange("", f"Hello {n}") for n in range(thinking.EMPTY_TRIES)],
        [make_exchange(f"Hi, number {n}") for n in range(thinking.EMPTY_TRIES)],
        "in each of 6 pairs",
    ),
}


@pytest.mark.parametrize("name", MISPLACED)
def test_text_and_thinking_in_each_others_place_fail(name: str) -> None:
    streams, whole, words = MISPLACED[name]
    verdict = stream.judge_stream(streams, show, whole)
    assert verdict.status is Status.FAIL
    assert words in verdict.reason


@pytest.mark.parametrize(
    ("streamed", "whole"),
    [
        (make_exchange("Hi!", THOUGHT), make_exchange("Hi!", THOUGHT)),
        (make_exchange("Hi!", THOUGHT), make_exchange("Hello!", "Hm, the user greets me.")),
        (make_exchange("Hi!", THOUGHT, inline=True), make_exchange("Hello!", THOUGHT, inline=True)),
        (make_exchange("Hi!"), make_exchange("Hello!", THOUGHT)),  # it does not think each time
        (make_exchange("Hello!", "Hello!"), make_exchange("Hello!")),
        (make_exchange("Hi!", THOUGHT), Exchange(Request("POST", "/"), Timing(0.0), Response(500))),
    ],
)
def test_other_words_are_no_sign_of_another_place(streamed: Exchange, whole: Exchange) -> None:
    assert stream.judge_stream([streamed], show, [whole]).status is Status.PASS


def test_a_model_that_thinks_now_and_then_is_not_failed() -> None:
    spent = make_exchange("", THOUGHT, "length", Usage(1, 16))
    assert thinking.may_be_misplaced(spent, make_exchange("Hello!"))
    streams = [spent, make_exchange("Hello!"), spent]
    verdict = stream.judge_stream(streams, show, [make_exchange("Hello!"), spent, make_exchange("Hello!")])
    assert verdict.status is Status.INCONCLUSIVE


def test_equal_nothings_are_no_equal_texts() -> None:
    spent = make_exchange("", THOUGHT, "length", Usage(1, 16))
    for exchange in (spent, make_exchange("")):
        assert stream.judge_streamed_text(exchange, exchange, show).status is Status.INCONCLUSIVE
    assert stream.judge_role(spent, show).status is Status.INCONCLUSIVE


def test_thinking_that_no_limit_bounds_is_not_counted_as_text() -> None:
    def judge_counts(answer: Exchange) -> Status:
        return usage.judge_token_counts(answer, answer, longer, 16, show).status

    longer = make_exchange("Hello!", THOUGHT, usage=Usage(9, 115, 124, 112))
    assert judge_counts(make_exchange("Hello!", THOUGHT, usage=Usage(5, 115, 120, 112))) is Status.PASS
    assert judge_counts(make_exchange("Hello!", THOUGHT, usage=Usage(5, 115, 120))) is Status.PASS
    assert judge_counts(make_exchange("Hello!", THOUGHT, usage=Usage(5, 3, 120, 112))) is Status.PASS, "thinking apart"
    assert judge_counts(make_exchange("Hello!", THOUGHT, usage=Usage(5, 140, 145, 112))) is Status.FAIL
    assert judge_counts(make_exchange("Hello!", usage=Usage(5, 115, 120))) is Status.FAIL


def test_what_was_spent_on_thinking_is_compared_with_nothing() -> None:
    spent, text = make_exchange("", THOUGHT, "length", Usage(1, 16)), make_exchange("Hello!")
    golden = judge_golden_outputs(["Hello!"], [spent], [0], Tolerance(), show)
    repeated = judge_repeated_value([spent, spent], show)
    replicas = judge_replicas([spent], {"b": [spent]}, {"b": show}, same_text=True)
    for verdict in (golden, repeated, replicas):
        assert verdict.status is Status.INCONCLUSIVE
        assert "16 of 16 tokens were thinking" in verdict.reason
    assert judge_repeated_value([text, make_exchange("Hello!")], show).status is Status.PASS
    assert judge_golden_outputs(["Hello!"], [text], [0], Tolerance(), show).status is Status.PASS
