"""Spellings that mean the same are generated, and services that read one of them alone do not pass."""

from __future__ import annotations

from importlib import import_module

import pytest

from harness.checks.generation.parameters import judge_spellings
from harness.core.errors import ErrorClass
from harness.core.exchange import Answer, Exchange, Query, Request, Response, Timing, Usage
from harness.core.verdict import Counterexample, Status

spellings = import_module("harness.suites.integration.equal_spellings")


def test_spellings_differ_and_mean_the_same() -> None:
    query = Query("Count.", options={"max_tokens": 8, "temperature": 0})
    respelled = spellings.spell_query(query, 4, 7)
    assert len(respelled) == 4
    assert respelled == spellings.spell_query(query, 4, 7)
    for words, other in respelled.items():
        assert other != query, words
        text = other.inputs if isinstance(other.inputs, str) else other.inputs[0]["content"]
        assert text in ("Count.", [{"type": "text", "text": "Count."}])
        limits = [other.options.get(name) for name in ("max_tokens", "max_completion_tokens")]
        assert sorted(limits, key=str) == [8, None]


def test_a_limit_goes_from_one_name_to_the_other_and_back() -> None:
    query = Query("Count.", options={"max_tokens": 8})
    renamed = spellings.rename_limit(query)
    assert renamed.options == {"max_completion_tokens": 8}
    assert spellings.rename_limit(renamed) == query


def make_answer(text: str, tokens: int, status: int = 200) -> Exchange:
    answer = Answer(text, usage=Usage(tokens, 4)) if status == 200 else None
    error = None if status == 200 else ErrorClass.STATUS
    return Exchange(Request("POST", "/"), Timing(0.0, sent=0.0, done=1.0), Response(status), answer, error=error)


@pytest.mark.parametrize(
    ("other", "promised", "status"),
    [
        (make_answer("one two", 20), True, Status.PASS),
        (make_answer("one two", 21), True, Status.PASS),
        (make_answer("one two", 4), False, Status.FAIL),
        (make_answer("uno dos", 20), True, Status.FAIL),
        (make_answer("uno dos", 20), False, Status.PASS),
        (make_answer("", 0, 400), True, Status.PASS),
        (make_answer("", 0, 503), True, Status.INCONCLUSIVE),
    ],
    ids=["same", "a line more", "lost", "another text", "reworded", "refused", "busy"],
)
def test_another_spelling(other: Exchange, promised: bool, status: Status) -> None:
    first = make_answer("one two", 20)
    show = lambda summary, _: Counterexample(summary)  # noqa: E731
    verdict = judge_spellings(first, first, {"parts": other}, show, promised=promised)
    assert verdict.status is status, verdict.reason
