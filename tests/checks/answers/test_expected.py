"""`expect`: what is configured, and which answers are right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.checks.answers.expected import judge_expected
from harness.core.errors import ErrorClass, UsageError
from harness.core.exchange import Answer, Exchange, Request, Response, Timing
from harness.core.expectation import parse_expectation
from harness.core.verdict import Counterexample, Status, Verdict
from harness.protocols.shared.template_path import extract_value
from tests.conftest import run_gate
from tests.services import serving


def show(summary: str, exchange: Exchange) -> Counterexample:
    return Counterexample(summary)


def judge_value(given: Any, answer: Answer) -> Verdict:
    expected = parse_expectation(given)
    assert expected is not None
    exchange = Exchange(Request("POST", "/predict"), Timing(0.0), Response(200), answer)
    return judge_expected(exchange, expected, show, extract_value)


@pytest.mark.parametrize(
    ("given", "right", "wrong"),
    [
        (0, [0, 0.0, [0]], [1, "0", False, [], [0, 0], None]),
        (0.5, [0.5, 0.5000000001], [0.51, "0.5"]),
        (True, [True], [1, "true", False]),
        ([1, 2], [[1, 2], [[1, 2]]], [[2, 1], 1]),
        ({"range": [0, 1]}, [0, 1, 0.5, [0.5]], [-0.1, 1.1, "0.5", True, [0.5, 0.5]]),
        ({"match": "^a"}, ["ab"], ["ba", True]),
        ({"match": "^4"}, [42], [24]),
        ({"one_of": ["a", 2]}, ["a", 2], ["b", "2", 3]),
        ({"equals": {"x": 1}}, [{"x": 1}], [{"x": 2}, {"x": 1, "y": 2}]),
    ],
)
def test_a_value_is_right_or_wrong(given: Any, right: list[Any], wrong: list[Any]) -> None:
    for value in right:
        assert judge_value(given, Answer(outputs={"out": value})).status is Status.PASS, value
    for value in filter(lambda value: value is not None, wrong):
        verdict = judge_value(given, Answer(outputs={"out": value}))
        assert verdict.status is Status.FAIL, value
        assert "expected " in verdict.reason
        assert ", got " in verdict.reason


def test_a_text_is_judged_as_it_is_and_a_path_looks_into_the_body() -> None:
    assert judge_value("Paris", Answer(text=" Paris\n")).status is Status.PASS
    assert judge_value("Paris", Answer(text="London")).status is Status.FAIL
    body = {"prediction": {"class": "setosa"}, "took": 1}
    for path in ("prediction.class", "$.prediction.class"):
        assert judge_value({"path": path, "equals": "setosa"}, Answer(value=body)).status is Status.PASS
    missing = judge_value({"path": "prediction.name", "equals": "setosa"}, Answer(value=body))
    assert missing.status is Status.FAIL
    assert "no member 'name'" in missing.reason


def test_of_several_outputs_the_named_one_is_judged_or_none() -> None:
    assert judge_value(1, Answer(outputs={"prediction": 1, "confidence": 0.5})).status is Status.PASS
    assert judge_value(1, Answer(outputs={"prediction": 0, "confidence": 1})).status is Status.FAIL
    unclear = judge_value(1, Answer(outputs={"a": 1, "b": 1}))
    assert unclear.status is Status.INCONCLUSIVE
    assert "name one with a path" in unclear.reason


def test_no_answer_is_not_the_expected_one() -> None:
    expected = parse_expectation(1)
    assert expected is not None
    failed = Exchange(Request("POST", "/"), Timing(0.0), Response(500), error=ErrorClass.STATUS, detail="HTTP 500")
    verdict = judge_expected(failed, expected, show, extract_value)
    assert verdict.status is Status.FAIL
    assert "HTTP 500" in verdict.reason


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"regex": "a"}, "'regex' is not a form of expect"),
        ({}, "has 0 of"),
        ({"path": "$.a"}, "has 0 of"),
        ({"equals": 1, "match": "a"}, "has 2 of"),
        ({"range": [1, 0]}, "give two numbers"),
        ({"range": [0]}, "give two numbers"),
        ({"range": "0-1"}, "give two numbers"),
        ({"range": [0, True]}, "give two numbers"),
        ({"match": "("}, "no regular expression"),
        ({"match": 5}, "no regular expression"),
        ({"one_of": []}, "at least one value"),
        ({"path": 5, "equals": 1}, "path is 5"),
    ],
)
def test_what_no_answer_could_meet_is_refused(given: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("(", r"\(")):
        parse_expectation(given)


@pytest.mark.parametrize(("prediction", "status"), [("setosa", 0), ("virginica", 1), ("error: something", 1)])
def test_smoke_fails_a_wrong_answer_and_shows_both(tmp_path: Path, prediction: str, status: int) -> None:
    config = '[endpoint]\nprotocol = "plain_json"\nsample = [[1.0]]\ntemplate = { answer = "$.prediction" }\n'
    with serving(lambda path, body: ({"/predict": 200}.get(path, 404), {"prediction": prediction})) as url:
        (tmp_path / "aiharness.toml").write_text(f'{config}url = "{url}"\nexpect = "setosa"\n')
        outcome = run_gate(tmp_path)
    assert outcome.verdicts()["test_answer.py::test_expected"] == ("FAIL" if status else "PASS")
    if status:
        assert outcome.check("test_expected")["reason"].endswith(f"expected 'setosa', got \"{prediction}\"")


def test_a_form_that_is_none_is_one_line_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "aiharness.toml").write_text('[endpoint]\nurl = "http://h:1"\nexpect = { regex = "a" }\n')
    outcome = run_gate(tmp_path)
    assert outcome.status == 4
    assert "toml:3: endpoint.expect: 'regex' is not a form of expect" in outcome.err
