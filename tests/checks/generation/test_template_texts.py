"""Texts that look like marks: what shows that one was lost, and what does not."""

from __future__ import annotations

import pytest

from harness.checks.generation.echo import MARK_AFTER, MARK_BEFORE
from harness.checks.generation.template_texts import TEXT_REPEATS, TemplateAnswers, judge_template_texts, write_prompt
from harness.core.errors import ErrorClass
from harness.core.exchange import Answer, Choice, Exchange, Request, Response, Timing, Usage
from harness.core.verdict import Counterexample, Status

REQUEST = Request("POST", "/")


def show(summary: str, _: Exchange) -> Counterexample:
    return Counterexample(summary)


def make_exchange(text: str, tokens: int | None = None, *, reasoning: str = "") -> Exchange:
    usage = Usage(prompt_tokens=tokens, completion_tokens=3)
    answer = Answer(text, finish_reason="stop", usage=usage, choices=(Choice(0, text, "stop", reasoning=reasoning),))
    return Exchange(REQUEST, Timing(0.0, 0.0, done=1.0), Response(200, ()), answer)


def echo(between: str, tokens: int | None = None, *, reasoning: str = "") -> Exchange:
    return make_exchange(f"{MARK_BEFORE} words {between} words {MARK_AFTER}", tokens, reasoning=reasoning)


REFUSED = Exchange(REQUEST, Timing(0.0, 0.0, done=1.0), Response(422, ()), error=ErrorClass.STATUS)
CONTROL, COUNTED = echo(""), make_exchange("Fine.", 20)


@pytest.mark.parametrize(
    ("asked", "control", "status", "words"),
    [
        (echo("/no_think"), CONTROL, Status.PASS, ""),
        (make_exchange(echo("/no_think").text.upper()), make_exchange(CONTROL.text.upper()), Status.PASS, ""),
        (echo(""), CONTROL, Status.FAIL, "is lost: the words around it are repeated"),
        (make_exchange("Fine.", 24), COUNTED, Status.PASS, ""),
        (make_exchange("Fine.", 20), COUNTED, Status.FAIL, "is lost: 20 prompt tokens with it, 20 without it"),
        (make_exchange("Fine.", 24, reasoning="Hm."), COUNTED, Status.FAIL, "switches thinking on"),
        (make_exchange("Fine.", 24), make_exchange("Fine.", 20, reasoning="Hm."), Status.FAIL, "switches thinking off"),
        (make_exchange("Fine."), CONTROL, Status.INCONCLUSIVE, "does not repeat"),
        (make_exchange("Fine."), make_exchange("Fine."), Status.INCONCLUSIVE, "states no prompt tokens"),
        (REFUSED, CONTROL, Status.PASS, ""),
    ],
)
def test_what_shows_that_a_text_is_lost(asked: Exchange, control: Exchange, status: Status, words: str) -> None:
    verdict = judge_template_texts(
        TemplateAnswers([control], {"/no_think": [(asked, control)] * (1 + TEXT_REPEATS)}), show
    )
    assert verdict.status is status, verdict.reason
    assert words in verdict.reason


def test_a_closing_mark_that_makes_thinking_of_what_stands_before_it_is_lost() -> None:
    asked = make_exchange(f" words {MARK_AFTER}", 24, reasoning=f"{MARK_BEFORE} words")
    verdict = judge_template_texts(
        TemplateAnswers([CONTROL], {"</think>": [(asked, CONTROL)] * (1 + TEXT_REPEATS)}), show
    )
    assert verdict.status is Status.FAIL
    assert "the text '</think>' in a message switches thinking on" in verdict.reason


def test_one_loss_that_does_not_come_again_is_no_failure() -> None:
    pairs = [(echo("", 20), echo("", 20)), (echo("/no_think", 24), echo("", 20)), (echo("/no_think", 24), echo("", 20))]
    assert judge_template_texts(TemplateAnswers([CONTROL], {"/no_think": pairs}), show).status is Status.PASS


def test_without_an_answer_to_the_control_nothing_is_judged() -> None:
    assert judge_template_texts(TemplateAnswers([REFUSED]), show).status is Status.INCONCLUSIVE


def test_the_prompt_has_the_text_among_words() -> None:
    assert write_prompt("[INST]") == f"Repeat after me: {MARK_BEFORE} words [INST] words {MARK_AFTER}"
    assert write_prompt("") == f"Repeat after me: {MARK_BEFORE} words words {MARK_AFTER}"
