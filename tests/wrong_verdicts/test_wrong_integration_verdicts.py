"""Batches and bad inputs: unfounded passes, and false alarms on a healthy service."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from harness.checks.bad_input.requests import make_bad_request
from harness.checks.control import Control
from harness.checks.isolation.crosstalk import judge_own_answers
from harness.core.exchange import Answer, Exchange, Request, Response, Timing
from harness.core.verdict import Counterexample, Status, Verdict
from tests.services import Answered
from tests.suites.integration.test_bad_inputs import right
from tests.suites.integration.test_bad_inputs import run_both_checks as asked_badly
from tests.suites.integration.test_batch_and_concurrent import batch, good, run_check

CHAT = {"messages": [{"role": "user", "content": "hi"}], "model": "an-organisation/" + "a-long-name-" * 20}


@pytest.mark.parametrize(
    ("case", "spoilt"), [("missing_field", None), ("wrong_input_type", {"aiharness": {"is": [True, None]}})]
)
def test_a_long_model_name_is_not_taken_for_the_input(case: str, spoilt: Any) -> None:
    body = json.loads(make_bad_request(Request("POST", "/", body=json.dumps(CHAT).encode()), case).request.body)
    assert body["model"] == CHAT["model"]
    assert body.get("messages") == spoilt


@pytest.mark.parametrize("plain", [0, 1, 2, 3])
def test_a_rate_limiter_among_bad_inputs_is_no_death(tmp_path: Path, plain: int) -> None:
    number = itertools.count()
    answer = lambda path, body: right(path, body) if next(number) < plain else (429, {})  # noqa: E731
    assert [verdict.status for verdict in asked_badly(answer, tmp_path, "missing_field")] in (
        [Status.INCONCLUSIVE] * 2,
        [Status.INCONCLUSIVE, Status.PASS],
    )


def test_a_batch_that_differs_fails_though_all_rows_alone_have_one_answer(tmp_path: Path) -> None:
    """The rows differ only in an output that belongs to the whole request."""

    def answer(path: str, body: Any) -> Answered:
        status, value = good(path, body)
        rows = value["sums"]
        return status, {"label": [1 if len(rows) == 1 else 0] * len(rows), "total": [sum(rows), 0.0, 0.0]}

    verdict = run_check(answer, batch, tmp_path)
    assert verdict.status is Status.FAIL, verdict.reason
    assert "differs from the row's answer alone" in verdict.reason


def make_text_exchange(text: str) -> Exchange:
    return Exchange(Request("POST", "/", body=text.encode()), Timing(0.0), Response(200), Answer(text))


@pytest.mark.parametrize(
    ("beside", "status"),
    [
        ("Sure, 1001.", Status.PASS),
        ("Sure! 1002", Status.FAIL),
        ("Sure! 1001 1002", Status.FAIL),
        ("Sure! 10", Status.INCONCLUSIVE),
        ("", Status.INCONCLUSIVE),
    ],
    ids=["other words", "another's", "mixed", "cut", "empty"],
)
def test_other_words_in_another_batch_are_no_cross_talk(beside: str, status: Status) -> None:
    marks = ["1001", "1002"]
    alone = [make_text_exchange(f"Sure! {mark}") for mark in marks]
    rounds = [[(0, make_text_exchange(beside)), (1, make_text_exchange("Sure! 1002"))]]
    verdict = judge_own_answers(Control(alone, alone, marks), rounds, lambda said, _: Counterexample(said))
    assert verdict.status is status
    promised = judge_own_answers(Control(alone, alone), rounds, lambda said, _: Counterexample(said))
    assert promised.status is Status.FAIL, "a service that promises to be deterministic is held to it"


MARKS = [f"{number}{number}0{number}{number}" for number in range(11, 19)]


def judge_words(alone: list[list[str]], beside: list[str]) -> Verdict:
    """Eight inputs asked alone twice, and four rounds of them side by side whose first answers are `beside`."""
    first, again = ([*map(make_text_exchange, texts)] for texts in alone)
    control = Control(first, again, MARKS)
    numbers = [*range(8)] * 4
    texts = [*beside, *(MARKS[number] for number in numbers[len(beside) :])]
    rounds = [[(number, make_text_exchange(text)) for number, text in zip(numbers, texts, strict=True)]]
    return judge_own_answers(control, rounds, lambda said, _: Counterexample(said))


def test_answers_without_their_code_fail_only_beyond_chance() -> None:
    """A model may decline now and then, alone or beside others."""
    for word in ("", "I would rather not."):
        assert judge_words([MARKS, MARKS], [word] * 3).status is Status.INCONCLUSIVE
        many = judge_words([MARKS, MARKS], [word] * 16)
        assert many.status is Status.FAIL
        assert "16 of 32 answers beside others lack the code that they were asked for, and 0 of 16 alone" in many.reason
        declining = [word, word, word, *MARKS[3:]]
        assert judge_words([declining, [*MARKS[:5], word, word, word]], [word] * 16).status is Status.INCONCLUSIVE


def test_a_model_that_words_each_answer_anew_is_judged_by_its_codes() -> None:
    alone = [[f"{word} {mark}" for mark in MARKS] for word in ("Sure:", "Well,")]
    assert judge_words(alone, [f"Here: {mark}!" for mark in MARKS]).status is Status.PASS
    verdict = judge_words(alone, [f"Here: {mark}!" for mark in [*MARKS[:7], MARKS[0]]])
    assert verdict.status is Status.FAIL
    assert "it has the code that input 0 asked for" in verdict.reason


def test_pieces_of_other_answers_are_cross_talk() -> None:
    jumbled = [MARKS[1][:4] + MARKS[0][4:], MARKS[0][:4] + MARKS[1][4:]]
    verdict = judge_words([MARKS, MARKS], [text[:-1] for text in jumbled])
    assert verdict.status is Status.FAIL
    assert "a piece of another answer" in verdict.reason


def make_vector_exchange(*vector: float) -> Exchange:
    return Exchange(Request("POST", "/"), Timing(0.0), Response(200), Answer(outputs={"embedding": [list(vector)]}))


@pytest.mark.parametrize(
    ("beside", "status"),
    [
        (make_vector_exchange(1.0, 0.01), Status.PASS),
        (make_vector_exchange(0.0, 1.0), Status.FAIL),
        (make_vector_exchange(0.9, 0.3), Status.FAIL),
    ],
    ids=["padded in half precision", "another's", "nobody's"],
)
def test_a_vector_moved_by_padding_is_no_cross_talk(beside: Exchange, status: Status) -> None:
    alone = [make_vector_exchange(1.0, 0.0), make_vector_exchange(0.0, 1.0)]
    rounds = [[(0, beside), (1, alone[1])]]
    verdict = judge_own_answers(Control(alone, alone), rounds, lambda said, _: Counterexample(said))
    assert verdict.status is status, verdict.reason


@pytest.mark.parametrize(
    ("answer", "owner"), [("Sure! 1002", 1), ("No, thanks.", None), ("1001", None), ("1001 and 1002", None), ("", None)]
)
def test_a_refusal_that_another_input_had_too_is_no_answer_of_it(answer: str, owner: int | None) -> None:
    alone = [make_text_exchange("Sure! 1001"), make_text_exchange("Sure! 1002"), make_text_exchange("No, thanks.")]
    control = Control(alone, alone, ["1001", "1002", "1003"], may_reword=True)
    assert control.find_other_input(0, make_text_exchange(answer)) == owner
