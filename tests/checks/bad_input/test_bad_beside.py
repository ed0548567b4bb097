"""Only a bad request that breaks answers when it is alone beside them is blamed."""

from __future__ import annotations

from dataclasses import replace

from harness.checks.bad_input.bad_beside import DisturbedRound, judge_answers_under_way
from harness.checks.bad_input.requests import BadRequest
from harness.core.errors import ErrorClass
from harness.core.exchange import Answer, Exchange, Request, Response, Timing
from harness.core.verdict import Counterexample, Status, Verdict

ASKED = Request("POST", "/v1/chat/completions", body=b"{}", stream=True)
WHOLE = Exchange(ASKED, Timing(0.0, tokens=(0.1, 0.2)), Response(200), Answer(text="one two"))
CUT = replace(WHOLE, error=ErrorClass.CLOSED, detail="the connection ended")
REFUSED = replace(WHOLE, response=Response(400), error=ErrorClass.STATUS, answer=None)


def turn(*names: str, answer: Exchange = WHOLE, expected: str | None = None) -> DisturbedRound:
    return DisturbedRound([(BadRequest(name, ASKED), REFUSED) for name in names], [WHOLE, answer], expected)


def judge(*rounds: DisturbedRound, undisturbed: Exchange = WHOLE, after: Exchange = WHOLE) -> Verdict:
    return judge_answers_under_way([undisturbed], rounds, after, lambda words, exchange: Counterexample(words))


def test_whole_answers_pass_and_the_bad_requests_are_named() -> None:
    verdict = judge(turn("a", "b"), turn("c"))
    assert verdict.status is Status.PASS
    assert verdict.reason.startswith("3 bad requests disturb none")
    assert "bad requests: a, b, c" in verdict.notes


def test_the_one_that_breaks_answers_alone_is_blamed() -> None:
    verdict = judge(turn("a", "b", answer=CUT), turn("b", answer=CUT), turn("b", answer=CUT))
    assert verdict.status is Status.FAIL
    assert verdict.reason.startswith("b breaks 1 of 2 answers that were under way: closed: the connection ended")


def test_what_does_not_happen_again_decides_nothing() -> None:
    verdict = judge(turn("a", "b", answer=CUT), turn("b"), turn("a"))
    assert verdict.status is Status.INCONCLUSIVE
    assert "not each time again" in verdict.reason


def test_a_stream_that_breaks_once_by_chance_blames_nobody() -> None:
    verdict = judge(turn("a", "b", answer=CUT), turn("b", answer=CUT), turn("b"))
    assert verdict.status is Status.INCONCLUSIVE
    assert judge(turn("b", answer=CUT)).status is Status.INCONCLUSIVE


def test_the_one_after_which_the_service_is_gone_is_named_at_once() -> None:
    verdict = judge(turn("a", "b", answer=CUT), turn("b", answer=CUT), turn(answer=CUT), after=CUT)
    assert verdict.status is Status.FAIL
    assert verdict.reason.startswith("b breaks 1 of 2 answers")


def test_a_complete_answer_of_another_text_is_broken_where_the_text_is_known() -> None:
    other = replace(WHOLE, answer=Answer(text="one"))
    assert judge(turn("a", answer=other)).status is Status.PASS
    changed = turn("a", answer=other, expected="one two")
    assert judge(changed, changed).status is Status.FAIL


def test_nothing_is_shown_where_no_answer_was_under_way_or_they_fail_anyway() -> None:
    assert judge(turn()).status is Status.INCONCLUSIVE
    assert judge(turn("a", answer=CUT), undisturbed=CUT).status is Status.INCONCLUSIVE
    assert judge(turn("a"), after=CUT).status is Status.FAIL
