"""Each grader calls right what is right, and refuses references with which every answer, or none, would be right."""

from __future__ import annotations

from typing import Any

import pytest

from harness.core.errors import HarnessError
from harness.core.evaluation import GradingCase, GradingRules, load_grader
from harness.core.registry import list_plugins

RIGHT: list[tuple[str, str, Any]] = [
    ("exact", " Paris\n", "Paris"),
    ("exact", "Lyon", ["Paris", "Lyon"]),
    ("normalised", "The ANSWER: forty-two!", "the answer forty two"),
    ("normalised", "ﬁne", "FINE"),
    ("normalised", "Straße", "STRASSE"),
    ("contains", "It is Paris, of course.", "paris"),
    ("contains", "New  \n York it is", "new york"),
    ("contains", "the sum is 4.", "4"),
    ("contains", "C++ is one", "C++"),
    ("regex", "order AB-1234 sent", r"[A-Z]{2}-\d{4}"),
    ("numeric", "So 3 and 4 make 7.", 7),
    ("numeric", "That is $1,234.50!", 1234.5),
    ("numeric", "about −3", -3),
    ("numeric", "1.5e3", "1500"),
    ("numeric", "between 10-12", 12),
    ("json_schema", '{"a": 1}', {"type": "object", "required": ["a"]}),
]
WRONG: list[tuple[str, str, Any]] = [
    ("exact", "paris", "Paris"),
    ("exact", "", "Paris"),
    ("normalised", "", "Paris"),
    ("normalised", "1.5", "15"),
    ("normalised", "-5", "+5"),
    ("contains", "there are 14 of them", "4"),
    ("contains", "it is 4.5", "4"),
    ("contains", "Parisian", "Paris"),
    ("contains", "", "x"),
    ("regex", "none", r"\d"),
    ("numeric", "no number here", 7),
    ("numeric", "7 at first, 8 at last", 7),
    ("numeric", "x7", 7),
    ("json_schema", 'Sure: {"a": 1}', {"type": "object"}),
    ("json_schema", '```json\n{"a": 1}\n```', {"type": "object"}),
    ("json_schema", '{"a": NaN}', {"type": "object"}),
    ("json_schema", '{"b": 1}', {"type": "object", "required": ["a"]}),
    ("json_schema", "", {"type": "object"}),
]
BLANK: tuple[Any, ...] = ("", " ", [], 4)
UNUSABLE: list[tuple[str, Any]] = [
    *[(name, value) for name in ("exact", "normalised", "contains", "regex", "embedding") for value in BLANK],
    ("normalised", "!?"),
    ("regex", "("),
    ("regex", "a*"),
    ("numeric", "about seven"),
    ("numeric", True),
    ("numeric", float("nan")),
    ("numeric", ""),
    ("numeric", []),
    ("json_schema", {}),
    ("json_schema", "text"),
    ("json_schema", {"type": "strin"}),
    ("function", "x"),
]


def grade(name: str, answer: str, reference: Any, **rules: Any) -> str:
    grader = load_grader(name)
    assert grader.find_problem(reference, GradingRules(**rules)) == ""
    return grader.grade(GradingCase(answer, reference, GradingRules(**rules)))


@pytest.mark.parametrize(("name", "answer", "reference"), RIGHT)
def test_right_answers_are_right(name: str, answer: str, reference: Any) -> None:
    assert grade(name, answer, reference) == ""


@pytest.mark.parametrize(("name", "answer", "reference"), WRONG)
def test_wrong_answers_are_wrong_and_it_is_said_why(name: str, answer: str, reference: Any) -> None:
    assert len(grade(name, answer, reference)) > 8


@pytest.mark.parametrize(("name", "reference"), UNUSABLE)
def test_references_that_decide_nothing_are_refused(name: str, reference: Any) -> None:
    assert load_grader(name).find_problem(reference, GradingRules())


def test_a_number_is_right_within_its_tolerance() -> None:
    assert grade("numeric", "3.14", 3.1416, tolerance=0.01) == ""
    assert grade("numeric", "3.14", 3.1416, relative_tolerance=0.001) == ""
    assert grade("numeric", "3.1", 3.1416, tolerance=0.01) == "its last number is 3.1, not 3.1416"


def test_vectors_decide_by_their_cosine() -> None:
    vectors = {"near": [1.0, 0.1], "far": [0.0, 1.0], "zero": [0.0, 0.0], "it": [1.0, 0.0]}
    grader = load_grader("embedding")

    def judge(answer: str) -> str:
        return grader.grade(GradingCase(answer, "it", embed=lambda text: vectors[text]))

    assert judge("near") == ""
    assert judge("far") == "its similarity to the reference is 0.000, under 0.8"
    assert judge(" ") == "it is empty"
    with pytest.raises(HarnessError, match="length 0"):
        judge("zero")


@pytest.mark.parametrize(("outcome", "reason"), [(True, ""), (False, "m:f calls it wrong"), ("too short", "too short")])
def test_the_users_function_decides(outcome: Any, reason: str) -> None:
    case = GradingCase("a", "r", GradingRules(function="m:f"), "p", function=lambda *given: outcome)
    assert load_grader("function").grade(case) == reason


@pytest.mark.parametrize("outcome", [None, 1, 0.7, ""])
def test_a_function_that_says_nothing_clear_is_an_error(outcome: Any) -> None:
    case = GradingCase("a", "r", GradingRules(function="m:f"), function=lambda *given: outcome)
    with pytest.raises(HarnessError, match="return True, False"):
        load_grader("function").grade(case)


def test_every_grader_offers_what_a_grader_is() -> None:
    assert len(list_plugins("graders")) == 8
    for name in list_plugins("graders"):
        grader = load_grader(name)
        assert grader.name == name
        assert len(grader.title) > 15
