from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from harness.checks.answers.kinds import judge_kinds
from harness.core.endpoint import Endpoint
from harness.core.errors import ErrorClass
from harness.core.exchange import Answer, Exchange, Request, Response, Timing
from harness.core.replay import show_exchange
from harness.core.verdict import Counterexample, Status, Verdict

ENDPOINT = Endpoint("http://127.0.0.1:9", "plain_json")


def show(summary: str, exchange: Exchange) -> Counterexample:
    return show_exchange(exchange, ENDPOINT, summary)


def judge_values(values: Sequence[Any]) -> Verdict:
    exchanges = []
    for value in values:
        response = Response(200, (), json.dumps(value).encode())
        answer = Answer(value=value, outputs=value)
        exchanges.append(Exchange(Request("POST", "/predict"), Timing(0.0), response, answer=answer))
    return judge_kinds(exchanges, show)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([{"price": 1.5}, {"price": "1.5"}], "price is a text for input 1 and a number for input 0"),
        ([{"ok": True}, {"ok": 1}], "ok is a number for input 1 and a boolean for input 0"),
        ([{"labels": [1, 2]}, {"labels": [1]}, {"labels": ["2"]}], "labels[] is a text for input 2"),
        ([{"best": {"name": "a"}}, {"best": "a"}], "best is a text for input 1 and an object for input 0"),
        ([{"best": {"score": 1}}, {"best": {"score": "high"}}], "best.score is a text"),
        ([{"x": None}, {"x": 1}, {"x": "1"}], "x is a text for input 2 and a number for input 1"),
    ],
)
def test_a_place_with_two_kinds_fails(values: Sequence[Any], reason: str) -> None:
    verdict = judge_values(values)
    assert verdict.status is Status.FAIL
    assert reason in verdict.reason


@pytest.mark.parametrize(
    "values",
    [
        [{"x": 1}, {"x": 1.5}, {"x": None}],
        [{"labels": []}, {"labels": ["a"]}, {"labels": ["b"]}],
        [{"x": 1}, {"x": 2, "note": "a text that not every answer has"}],
        [{"row": ["a", 1]}, {"row": [2]}, {"row": ["b"]}],
    ],
)
def test_nulls_fractions_empty_lists_and_lists_of_several_kinds_pass(values: Sequence[Any]) -> None:
    verdict = judge_values(values)
    assert verdict.status is Status.PASS, verdict.reason


def test_one_answer_shows_nothing() -> None:
    assert judge_values([{"x": 1}]).status is Status.INCONCLUSIVE
    failed = Exchange(Request("POST", "/predict"), Timing(0.0), error=ErrorClass.CLOSED, detail="closed")
    assert judge_kinds([failed, failed], show).status is Status.INCONCLUSIVE


@pytest.mark.parametrize(
    "values", [[{"x": []}, {"x": []}], [{}, {}], [{"x": None}, {"x": 1}], [{"x": [[]]}, {"x": []}]]
)
def test_answers_without_values_show_nothing(values: Sequence[Any]) -> None:
    verdict = judge_values(values)
    assert verdict.status is Status.INCONCLUSIVE
    assert "hold a value" in verdict.reason
