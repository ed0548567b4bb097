"""Numbers within a tolerance by datatype, in units in the last place, by their angle; what an overflow looks like."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from harness.core.tolerance import (
    Deviations,
    Tolerance,
    compute_cosine,
    count_ulps,
    describe_text_difference,
    find_deviation,
)

BIG = 2**53 + 1


def compare(expected: Any, actual: Any, datatype: str = "", **given: Any) -> str | None:
    return find_deviation(expected, actual, Tolerance(**given), Deviations(), datatypes={"": datatype})


@pytest.mark.parametrize(("datatype", "step"), [("FP16", 9e-4), ("BF16", 1.5e-2), ("FP32", 1e-6), ("FP64", 9e-8)])
def test_without_a_tolerance_the_datatype_decides(datatype: str, step: float) -> None:
    assert compare([100.0], [100.0 * (1 + step)], datatype) is None
    assert compare([100.0], [100.0 * (1 + 3 * step)], datatype) is not None


def test_without_a_datatype_a_millionth_is_allowed_and_a_given_tolerance_wins() -> None:
    assert compare(1.0, 1.0 + 1.9e-6) is None
    assert compare(1.0, 1.0 + 2.1e-6) == "the answer is 1.0000021, not 1.0"
    assert compare(1.0, 1.1, "FP64", absolute=0.2) is None
    assert compare(100.0, 101.0, "FP16", relative=0.001) is not None
    assert compare(1.0, 1.0 + 1e-9, absolute=0.0) is not None


@pytest.mark.parametrize("kind", ["FP16", "FP32", "FP64"])
@pytest.mark.parametrize("start", [1.0, -1.0, 0.0, 3.7, 60000.0, -1e-4])
def test_units_in_the_last_place_are_numpys(kind: str, start: float) -> None:
    number_type: Any = {"FP16": np.float16, "FP32": np.float32, "FP64": np.float64}[kind]
    number = first = number_type(start)
    for _ in range(5):
        number = np.nextafter(number, number_type(np.inf))
    assert count_ulps(float(first), float(number), kind) == 5
    assert compare(float(first), float(number), kind, ulp=5) is None
    assert compare(float(first), float(number), kind, ulp=4) is not None


def test_a_step_of_bfloat16_is_the_upper_half_of_single_precision() -> None:
    assert count_ulps(1.0, 1.0 + 2**-7, "BF16") == 1
    assert count_ulps(1.0, 1e39, "FP32") == math.inf
    assert count_ulps(-1.0, 1.0, "FP16") == 2 * 0x3C00


def test_vectors_are_compared_by_their_angle_where_a_cosine_is_given() -> None:
    one, other = [1.0, 2.0, 3.0], [1.01, 2.0, 3.0]
    expected = float(np.dot(one, other) / np.linalg.norm(one) / np.linalg.norm(other))
    assert compute_cosine(one, other) == pytest.approx(expected, abs=1e-15)
    assert compare(one, other, cosine=0.999) is None
    assert "has a cosine of 0.99999" in (compare(one, other, cosine=0.9999999) or "")
    assert compare(one, [-1.0, -2.0, -3.0], cosine=0.0) is not None
    assert (compute_cosine([0.0], [0.0]), compute_cosine([0.0], [1.0])) == (1.0, 0.0)
    assert compare([one, one], [other, [9.0, 0.0, 0.0]], cosine=0.99) == (
        "the answer[1] has a cosine of 0.267261 to the expected vector, under 0.99"
    )


@pytest.mark.parametrize("actual", [2**53, float(2**53), BIG + 1])
def test_a_whole_number_that_was_made_a_double_is_named(actual: Any) -> None:
    problem = compare({"id": [BIG]}, {"id": [actual]}, relative=1e-3) or ""
    assert problem.startswith(f"the answer.id[0] is {actual!r}, not {BIG}")
    assert ("made a double" in problem) is (actual != BIG + 1)
    assert compare(BIG, BIG) is None


@pytest.mark.parametrize(("expected", "actual", "same"), [(3, 3.0, True), (3, 4, False), (70000, 70001.0, False)])
def test_stated_whole_numbers_are_equal_or_wrong(expected: int, actual: Any, same: bool) -> None:
    assert (compare(expected, actual, "INT64", relative=0.5) is None) is same
    assert compare(70000, 70000.01) is None


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        (70000.0, "over 65504, the largest number of FP16, it overflows to infinity"),
        (-1e39, "over 3.40282e+38, the largest number of FP32, it overflows"),
        (1.5, "JSON has no NaN and no infinity"),
        (7, "is null, not 7"),
    ],
)
def test_null_in_place_of_a_number_is_explained(expected: Any, words: str) -> None:
    assert words in (compare([expected], [None]) or "")
    assert compare([None], [None]) is None
    assert compare([None], [1.0]) is not None


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_never_close(value: float) -> None:
    assert compare(1.0, value, absolute=1e300) is not None
    assert compare(value, 1.0, absolute=1e300, ulp=10**9) is not None


def test_the_first_divergence_is_named_and_all_are_counted() -> None:
    deviations = Deviations()
    problem = find_deviation([1.0, 2.0, 3.0, 4.0], [1.0, 2.5, 3.0, 5.0], Tolerance(), deviations)
    assert problem == "the answer[1] is 2.5, not 2.0"
    assert (deviations.numbers, deviations.wrong, deviations.largest) == (4, 2, 1.0)
    assert deviations.describe().startswith("of 4 numbers 2 differ; the largest difference is 1, ")
    assert Deviations().describe() == ""


@pytest.mark.parametrize(
    ("expected", "actual", "problem"),
    [
        ("yes", "no", "it is 'no', not 'yes'"),
        ("a" * 30 + "b" * 9, "a" * 30 + "c", "it differs from character 31 on: ...'aaaaaaaaaaaac' and not ...'aaaa"),
        ("a" * 30, "a" * 31, "it differs from character 31 on"),
    ],
)
def test_texts_part_somewhere(expected: str, actual: str, problem: str) -> None:
    assert describe_text_difference(expected, actual, "it").startswith(problem)


@pytest.mark.parametrize(
    ("expected", "actual"),
    [([1.0], [1.0, 2.0]), ({"a": 1}, {"b": 1}), (1.0, "1"), (True, 1), ("a", ["a"]), (1.0, [1.0])],
)
def test_other_forms_differ(expected: Any, actual: Any) -> None:
    assert compare(expected, actual, absolute=9.0, ulp=99) is not None
