"""Answers that the limit of tokens cut: what they must count, and an object that has no end."""

from __future__ import annotations

from typing import Any

import pytest

from harness.checks.generation.structured import judge_structured_output
from harness.checks.generation.usage import judge_token_counts
from harness.core.errors import ErrorClass
from harness.core.exchange import Answer, Choice, Exchange, Request, Response, Timing, Usage
from harness.core.verdict import Counterexample, Status

CLOSED: dict[str, Any] = {"type": "object", "properties": {"legs": {"type": "integer"}}, "required": ["legs"]}
OPEN = {"type": "object", "properties": {"names": {"type": "array", "items": {"type": "integer"}}}}
FREE = {"type": "object", "properties": {"name": {"type": "string"}}}


def show(summary: str, _: Exchange) -> Counterexample:
    return Counterexample(summary)


def make_exchange(
    text: str, end: str, *, completion: int = 8, prompt: int = 5, thoughts: int | None = None
) -> Exchange:
    usage = Usage(prompt, completion, prompt + completion, reasoning_tokens=thoughts)
    answer = Answer(text, finish_reason=end, usage=usage, choices=(Choice(0, text, end),))
    return Exchange(Request("POST", "/"), Timing(0.0, 0.0, done=1.0), Response(200, ()), answer)


@pytest.mark.parametrize(
    ("text", "end", "schema", "status"),
    [
        ('{"legs": 4}', "stop", CLOSED, Status.PASS),
        ('{"legs": 4' + " " * 700, "length", CLOSED, Status.FAIL),
        ('{"legs": 4' + " " * 100, "length", CLOSED, Status.INCONCLUSIVE),
        ('{"names": [' + "1, " * 300, "length", OPEN, Status.INCONCLUSIVE),
        ('{"name": "' + "a" * 700, "length", FREE, Status.INCONCLUSIVE),
        ("thinking of it " * 100, "length", CLOSED, Status.FAIL),
    ],
)
def test_an_object_of_a_few_words_must_end(text: str, end: str, schema: dict[str, Any], status: Status) -> None:
    verdict = judge_structured_output([make_exchange(text, end)], schema, show)
    assert verdict.status is status, verdict.reason


def test_an_object_by_the_schema_of_another_request_is_named() -> None:
    verdict = judge_structured_output(
        [make_exchange('{"legs": 4}', "stop")], {**FREE, "required": ["name"]}, show, [CLOSED]
    )
    assert verdict.status is Status.FAIL
    assert "it obeys the schema of another request, which had the same name" in verdict.reason


@pytest.mark.parametrize(
    ("completion", "thoughts", "end", "limit", "status"),
    [
        (8, None, "length", 8, Status.PASS),
        (2, None, "length", 8, Status.FAIL),
        (2, None, "stop", 8, Status.PASS),
        (2, 6, "length", 8, Status.PASS),
        (100, None, "length", 1000, Status.PASS),
    ],
)
def test_an_answer_that_the_limit_ended_counts_up_to_it(
    completion: int, thoughts: int | None, end: str, limit: int, status: Status
) -> None:
    first, longer = (
        make_exchange("one two", end, completion=completion, prompt=prompt, thoughts=thoughts) for prompt in (5, 9)
    )
    verdict = judge_token_counts(first, first, longer, limit, show)
    assert verdict.status is status, verdict.reason


def test_a_request_that_nobody_answered_makes_no_other_count_wrong() -> None:
    unanswered = Exchange(Request("POST", "/"), Timing(0.0), error=ErrorClass.FIRST_BYTE_TIMEOUT)
    verdict = judge_token_counts(
        unanswered, make_exchange("one", "stop"), make_exchange("one", "stop", prompt=9), 16, show
    )
    assert [example.summary for example in verdict.counterexamples] == [
        "an answer: no valid answer: first byte timeout: "
    ]
