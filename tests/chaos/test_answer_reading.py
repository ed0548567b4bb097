"""Answers of a chaos load: which are wrong though declared a success, and what is known of the others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.chaos.answer_reading import (
    describe_loss,
    drop_comparisons,
    find_wrong_beginning,
    measure_size,
    read_answer,
)
from harness.chaos.queries import RECALLED, REPEATED, KnownQuery, QueryPool, Turn
from harness.core.errors import ErrorClass
from harness.core.exchange import (
    Answer,
    Choice,
    EventKind,
    Exchange,
    Query,
    Request,
    Response,
    StreamEvent,
    Timing,
    Usage,
)
from harness.core.experiment import LOST, RIGHT, Sample
from harness.load.forms import make_digits

FIRST, SECOND = Answer("the first answer, in full"), Answer("the second answer, in full")
POOL = QueryPool("0a1b", (KnownQuery(Query("a"), FIRST, FIRST.text), KnownQuery(Query("b"), SECOND)), seed=7)


def make_exchange(answer: Answer, error: ErrorClass | None = None, streamed: str = "") -> Exchange:
    events = tuple(StreamEvent(EventKind.DELTA, word) for word in streamed)
    return Exchange(Request("POST", "/"), Timing(1.0, 1.0, done=1.5), None, answer, events, error=error, detail="so")


def read(number: int, answer: Answer, index: int = 5) -> Sample:
    return read_answer(POOL, Turn(Query("a"), number), index, make_exchange(answer), cut=False)


def read_code(text: str, code: str = make_digits(7, 5)) -> Sample:
    return read_answer(POOL, Turn(Query("a"), -1, code, "0a1b"), 5, make_exchange(Answer(text)), cut=False)


def test_each_query_has_its_own_right_answer() -> None:
    assert [read(0, FIRST).known, read(1, SECOND).known] == [RIGHT, RIGHT]
    assert read(0, FIRST).silent == ""
    for number, answer in ((0, SECOND), (1, FIRST)):
        assert "the answer to another one of our requests" in read(number, answer).silent
    assert "its end is missing" in read(0, Answer("the first")).silent


def test_a_query_without_a_right_answer_is_not_compared() -> None:
    pool = QueryPool("0a1b", (KnownQuery(Query("a")),))
    sample = read_answer(
        pool, Turn(Query("a"), 0), 0, make_exchange(Answer("whatever", usage=Usage(1, 2, 3))), cut=False
    )
    assert (sample.silent, sample.known, sample.size, sample.has_usage) == ("", "", 8, True)


@pytest.mark.parametrize(
    ("text", "known", "silent"),
    [
        (f"{make_digits(7, 5)} and 0a1b", RIGHT, ""),
        (f"{make_digits(7, 5)} and", LOST, ""),
        ("I cannot do that", LOST, ""),
        (f"{make_digits(7, 3)} and 0a1b", "", "the code of another one"),
        (f"{make_digits(7, 99)} and 0a1b", LOST, ""),
        (f"{make_digits(7, 5)} or {make_digits(7, 3)}, and 0a1b", RIGHT, ""),
    ],
)
def test_a_code_is_repeated_lost_or_anothers(text: str, known: str, silent: str) -> None:
    """Number 99 was not sent yet: its digits are there by chance."""
    sample = read_code(text)
    assert sample.known == known
    assert silent in sample.silent
    assert bool(silent) == bool(sample.silent)


def test_asked_for_a_code_it_answers_what_another_query_is_promised() -> None:
    turn = Turn(Query("a"), -1, make_digits(7, 5), "0a1b")
    promised = replace(POOL, is_promised=True)
    assert "answer to another one" in read_answer(promised, turn, 5, make_exchange(FIRST), cut=False).silent
    assert read_answer(promised, turn, 5, make_exchange(Answer("I cannot do that")), cut=False).known == LOST
    assert read_answer(POOL, turn, 5, make_exchange(FIRST), cut=False).known == LOST
    recalled = replace(turn, number=RECALLED)
    assert read_answer(promised, recalled, 5, make_exchange(FIRST), cut=False).known == LOST, (
        "it may have lost the history"
    )


def test_what_is_lost_is_named_by_the_kind_of_the_query() -> None:
    turn = Turn(Query("a"), REPEATED, make_digits(7, 5), "0a1b")
    assert "the code that it had to repeat" in describe_loss(turn)
    assert "forgotten what an earlier message" in describe_loss(replace(turn, number=RECALLED))


@pytest.mark.parametrize(
    ("streamed", "words"),
    [
        ("", ""),
        ("the first", ""),
        ("the first answer, in full", ""),
        ("the the first", "wrong text before"),
        ("the second", "wrong text before"),
        ("the first answer, in fullthe first", "wrong text before"),
    ],
)
def test_a_stream_that_fails_must_have_been_right_so_far(streamed: str, words: str) -> None:
    broken = make_exchange(FIRST, ErrorClass.CLOSED, streamed)
    assert words in find_wrong_beginning(broken, FIRST.text)
    assert bool(words) == bool(find_wrong_beginning(broken, FIRST.text))
    assert find_wrong_beginning(broken, None) == ""
    sample = read_answer(POOL, Turn(Query("a"), 0), 0, broken, cut=False)
    assert bool(words) == bool(sample.silent)


def test_a_query_whose_answer_changes_by_itself_is_not_compared() -> None:
    broken = Sample(1.0, None, 0.0, "incomplete", "a success that is incomplete", query=0)
    samples = [read(0, SECOND), read(1, FIRST), broken]
    dropped = drop_comparisons(samples, {0})
    assert [bool(sample.silent) for sample in dropped] == [False, True, True]
    assert dropped[0].size == samples[0].size, "its size is compared all the same"
    assert drop_comparisons(samples, set()) == samples


def test_a_failure_has_its_status() -> None:
    refused = replace(make_exchange(FIRST, ErrorClass.STATUS), response=Response(429))
    assert read_answer(POOL, Turn(Query("a"), 0), 5, refused, cut=False).status == 429
    assert read(0, FIRST).status is None


def test_a_failure_has_no_size_and_no_known_content() -> None:
    sample = read_answer(POOL, Turn(Query("a"), 0), 0, make_exchange(FIRST, ErrorClass.STATUS), cut=False)
    assert (sample.error, sample.size, sample.known, sample.silent) == ("http_status", None, "", "")


def test_reasoning_and_outputs_count_for_the_size() -> None:
    assert measure_size(replace(FIRST, choices=(Choice(reasoning="hm"),))) == 27
    assert measure_size(Answer(outputs={"y": [[1.0, 2.0], [3.0, 4.0]], "label": "a"})) == 5
