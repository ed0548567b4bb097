"""A verdict's sentence says only what was judged: not what could not be seen, and with the counts that were seen."""

from __future__ import annotations

import pytest

from harness.checks.answers.repeat import judge_repeated_form, judge_repeated_value
from harness.checks.answers.versions import judge_versions
from harness.checks.bad_input.clean_errors import judge_error_shape, judge_leaks, judge_refusals
from harness.checks.bad_input.generated_requests import (
    GeneratedRequest,
    Outcome,
    OutcomeKind,
    RequestSearch,
    judge_generated_failures,
    judge_generated_requests,
)
from harness.checks.common import count_at_once
from harness.checks.control import Control
from harness.checks.http.credentials import judge_credentials
from harness.checks.http.idempotency import KeyedExchanges, judge_repeats_under_key
from harness.checks.http.kept_connection import AFTER_BAD, judge_kept_connection
from harness.checks.isolation.cache import AskedPair, judge_cached_credentials, judge_pairs
from harness.checks.isolation.crosstalk import judge_own_answers
from harness.core.errors import ErrorClass
from harness.core.exchange import Answer, Exchange, Headers, Request, Response, Timing
from harness.core.verdict import Counterexample, Status, Verdict

REQUEST = Request("POST", "/")


def show(summary: str, _: Exchange) -> Counterexample:
    return Counterexample(summary)


def make_answer(text: str = "", *, sent: float = 0.0, done: float | None = None, headers: Headers = ()) -> Exchange:
    return Exchange(REQUEST, Timing(sent, sent, done=done), Response(200, headers), Answer(text))


def make_error(status: int, body: bytes = b'{"error": "no"}') -> Exchange:
    error = ErrorClass.REDIRECT if 300 <= status < 400 else ErrorClass.STATUS
    return Exchange(REQUEST, Timing(0.0), Response(status, body=body), error=error, detail=f"status {status}")


EMPTY, GOOD = make_answer(), make_answer("words")


def test_no_error_shows_nothing_about_errors() -> None:
    none = judge_leaks({"one": GOOD, "two": GOOD}, show)
    assert (none.status, none.n) == (Status.INCONCLUSIVE, 0)
    some = judge_leaks({"one": make_error(400), "two": GOOD, "three": make_error(422)}, show)
    assert some.status is Status.PASS
    assert some.reason.startswith("2 of 3 wrong requests were answered with an error")
    assert some.n == 2
    assert judge_leaks({"one": make_error(429)}, show).status is Status.INCONCLUSIVE
    trace = b'Traceback (most recent call last)\n  File "/x.py", line 1'
    assert judge_leaks({"one": make_error(500, trace), "two": GOOD}, show).status is Status.FAIL
    assert judge_leaks({"one": make_error(429, trace)}, show).status is Status.FAIL


def test_a_declined_request_was_not_refused_for_what_is_wrong_with_it() -> None:
    declined = {"one": make_error(429), "two": make_error(429)}
    assert judge_refusals(declined, show).status is Status.INCONCLUSIVE
    assert judge_error_shape(declined, show).status is Status.INCONCLUSIVE
    assert judge_error_shape({"one": make_error(400)}, show).status is Status.INCONCLUSIVE
    assert judge_error_shape({"one": make_error(400), "two": make_error(422)}, show).status is Status.PASS


def generate_requests(*kinds: OutcomeKind) -> RequestSearch:
    return RequestSearch(tuple(GeneratedRequest(kind, GOOD, Outcome(kind)) for kind in kinds))


def test_generated_requests_are_counted_by_what_became_of_them() -> None:
    search = generate_requests(OutcomeKind.ANSWERED, OutcomeKind.ANSWERED, OutcomeKind.REFUSED, OutcomeKind.FAILED)
    survived = judge_generated_requests(search, show)
    assert survived.status is Status.PASS
    assert "2 answered validly, 1 clearly refused, 1 treated as the server's own failure" in survived.reason
    assert survived.n == 3
    unjudged = generate_requests(OutcomeKind.ANSWERED, OutcomeKind.UNJUDGED)
    assert judge_generated_failures(unjudged, show).reason == "of 2 generated requests 1 answered validly, 1 unjudged"


def test_empty_answers_belong_to_nobody() -> None:
    pair = AskedPair("its last word", (EMPTY,) * 4, must_differ=True)
    assert judge_pairs([pair], show).status is Status.INCONCLUSIVE
    for judge in (judge_repeated_form, judge_repeated_value):
        assert judge([make_answer() for _ in range(3)], show).status is Status.INCONCLUSIVE
        assert judge([make_answer("words") for _ in range(3)], show).status is Status.PASS
    assert judge_versions([[EMPTY] * 3, [EMPTY] * 3], show).status is Status.INCONCLUSIVE


def test_requests_that_did_not_overlap_were_not_side_by_side() -> None:
    first, second = make_answer("1", sent=0.0, done=1.0), make_answer("2", sent=1.5, done=2.0)
    assert count_at_once([first, second]) == 1
    alone = Control([first, second], [first, second])
    assert judge_own_answers(alone, [[(0, first), (1, second)]], show).status is Status.INCONCLUSIVE
    together = judge_own_answers(alone, [[(0, first), (1, make_answer("2", sent=0.5, done=2.0))]], show)
    assert (together.status, "up to 2 at once" in together.reason) == (Status.PASS, True)


def test_a_connection_that_ends_after_each_answer_is_not_kept() -> None:
    close = (("connection", "close"),)
    first, second = make_answer("1", headers=close), make_answer("2", headers=close)
    alone = Control([first, second], [first, second])
    closed = judge_kept_connection(alone, [(0, first), (1, second)], [], show)
    assert closed.reason.startswith("the service ends each connection after one answer")
    kept_open = judge_kept_connection(alone, [(0, make_answer("1")), (1, make_answer("2"))], [], show)
    assert kept_open.reason.startswith("2 requests, 1 of them over a connection that had carried another one")


@pytest.mark.parametrize(("place", "status"), [(AFTER_BAD - 1, Status.FAIL), (AFTER_BAD, Status.PASS)])
def test_a_connection_may_end_with_the_error_that_came_over_it(place: int, status: Status) -> None:
    first, second = make_answer("1"), make_answer("2")
    in_turn = [(number, (first, second)[number]) for number in (0, 1, 0, 1, 0)]
    lost = Exchange(REQUEST, Timing(0.0, 0.0), error=ErrorClass.CLOSED)
    in_turn[place] = (in_turn[place][0], lost)
    verdict = judge_kept_connection(Control([first, second], [first, second]), in_turn, [], show)
    assert verdict.status is status, verdict.reason


@pytest.mark.parametrize(
    ("attempt", "status", "words"),
    [
        (make_error(401), Status.PASS, "is refused with 401"),
        (make_error(429), Status.INCONCLUSIVE, "declined with 429"),
        (make_error(302), Status.FAIL, "is not refused"),
        (GOOD, Status.FAIL, "credentials are not enforced"),
    ],
    ids=["refused", "declined", "redirected", "answered"],
)
def test_a_headline_about_credentials_says_what_was_answered(attempt: Exchange, status: Status, words: str) -> None:
    verdict = judge_credentials("wrong", attempt, GOOD, show)
    assert verdict.status is status
    assert words in verdict.reason
    cached = judge_cached_credentials(GOOD, GOOD, make_error(401), (attempt, attempt), show)
    assert cached.status is status
    assert ("is answered with" in cached.reason) is attempt.ok


def keep_keys(answer: Exchange, other: Exchange) -> Verdict:
    return judge_repeats_under_key(KeyedExchanges(answer, answer, (answer, answer), make_error(422), other), show)


def test_without_an_id_nothing_shows_that_a_repeat_was_not_executed() -> None:
    plain = keep_keys(make_answer("same"), make_answer("other"))
    assert (plain.status, plain.reason) == (
        Status.PASS,
        "one key has one answer: 2 repeats got the first answer",
    )
