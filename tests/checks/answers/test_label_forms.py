"""Answers that equal no label: what their form explains, and what is wrong whatever they mean."""

from __future__ import annotations

import pytest

from harness.checks.answers.label_forms import find_renumbering, read_generously

NAMES = ["setosa", "versicolor", "virginica"]


def right_of(labels: list[str], answers: list[str | None]) -> int | None:
    """How many answers the best reading calls right; None where no reading is needed."""
    reading = read_generously(labels, answers)
    return None if reading is None else len(reading.right)


@pytest.mark.parametrize(
    ("labels", "answers", "right", "words"),
    [
        (NAMES * 5, ["0", "1", "2"] * 5, 15, "the answers are numbers (0, 1, 2), the labels are names ('setosa', "),
        (["0", "1", "2"] * 5, NAMES * 5, 15, "the answers are names ('setosa', 'versicolor', 'virginica'), the labels"),
        (NAMES * 5, ["0"] * 15, 5, "names"),
        (NAMES * 5, [str(place) for place in range(15)], 3, "names"),
        (NAMES * 5, ["2", "1", "0"] * 4 + ["0", "1", "2"], 13, "names"),
        (["1", "2"] * 5, ["the code 5", "no idea"] * 5, 10, "numbers"),
        (["a", "b"] * 5, ["A", "B"] * 5, 10, "'A' for 'a'"),
        (["New York"] * 3, ["new  york."] * 3, 3, "case, spaces or punctuation"),
        (["1", "2"], ["1.0", "2.0"], 2, "1.0 for 1"),
        (["007", "008"], ["7", "8"], 2, "7 for 007"),
        (["1", "2"] * 5, ["The answer is 1.", "The answer is 2."] * 5, 10, "within other text"),
        (NAMES * 2, [f"Iris-{name}" for name in NAMES] * 2, 6, "within other text"),
        (NAMES, ["setosa or virginica", "setosa or virginica", "virginica, I think"], 1, "within other text"),
        (["1"], ["x" * 3000 + " 1"], 1, "numbers"),
    ],
)  # fmt: skip
def test_a_form_that_differs_is_read_in_favour_of_the_service(
    labels: list[str], answers: list[str | None], right: int, words: str
) -> None:
    reading = read_generously(labels, answers)
    assert reading is not None
    assert len(reading.right) == right, reading.reason
    assert words in reading.reason


@pytest.mark.parametrize(
    ("labels", "answers"),
    [
        (NAMES, [*NAMES[:2], "0"]),
        (NAMES, [None, None, None]),
        (NAMES, ["", "", ""]),
        ([], []),
        (["7"] * 5, ["0", "1", "2", "0", "1"]),
        (["cat", "dog"], ["chat", "chien"]),
        (["1", "2"], ["3", "4"]),
    ],
    ids=["one equals", "no answer", "empty", "nothing", "other numbers", "other names", "other classes"],
)
def test_nothing_excuses_answers_of_the_labels_own_kind(labels: list[str], answers: list[str | None]) -> None:
    assert right_of(labels, answers) is None


def test_of_many_labels_only_the_own_one_is_searched() -> None:
    labels = [f"code{place}" for place in range(300)]
    assert right_of(labels, [f"it is {label}, I think" for label in labels]) == 300


def test_a_renumbering_is_one_to_one() -> None:
    labels = ["1", "2", "3"] * 5
    assert find_renumbering(labels, ["0", "1", "2"] * 5) == (15, "0 is 1, 1 is 2, 2 is 3")
    assert find_renumbering(labels, ["2", "3", "1"] * 4 + ["1", "2", "3"])[0] == 12
    assert find_renumbering(labels, ["1"] * 15) == (0, "")
    assert find_renumbering(labels, labels) == (0, "")
    assert find_renumbering(labels, ["0", "1", "1"] * 5) == (10, "0 is 1, 1 is 2")
    assert find_renumbering(labels, [None] * 15) == (0, "")
