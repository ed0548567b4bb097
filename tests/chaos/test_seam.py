"""What went wrong in the middle of an answer is named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.chaos.seam import describe_cut_seam, describe_seam

RIGHT = "one two three four five six seven eight"


@pytest.mark.parametrize(
    ("actual", "words"),
    [
        ("one two three", "its end is missing: it has 13 of 39"),
        ("", "it is empty"),
        ("  ", "it is empty"),
        ("one two three three four five six seven eight", "a piece of it came twice: 'three '"),
        ("one two four five six seven eight", "a piece of it is missing"),
        ("one two three one two three four five six seven eight", "begins again from the start after 14"),
        ("one two threeone two three four", "begins again from the start after 13"),
        (RIGHT + RIGHT, "begins again from the start after 39"),
        ("one two three four five BANG six seven eight", "a piece that does not belong to it"),
        ("one two three vier fünf", "from character 14 on it is 'vier fünf', not 'four"),
        ("something else", "from character 0 on"),
    ],
)
def test_the_difference_is_named(actual: str, words: str) -> None:
    assert words in describe_seam(RIGHT, actual)


@pytest.mark.parametrize(
    ("actual", "words"),
    [
        ("one two three three four fi", "a piece of it came twice: 'three '"),
        ("one two three two three four", "a piece of it came twice: 'two three '"),
        ("one two four five", "a piece of it is missing: 'three '"),
        ("one two four five six seven eight", "a piece of it is missing: 'three '"),
        ("one two three one two three four", "begins again from the start after 14"),
        ("one two three vier", "from character 14 on it is 'vier', not 'four'"),
        ("one two xx", "from character 8 on"),
    ],
)
def test_the_difference_of_a_text_that_broke_off_is_named(actual: str, words: str) -> None:
    assert words in describe_cut_seam(RIGHT, actual)


def test_a_text_that_repeats_itself_does_not_begin_again() -> None:
    right = "hello hello world, hello hello world, and the end"
    assert "missing" in describe_seam(right, "hello hello world, hello hello world, and the")
    assert "begins again" not in describe_seam(right, "hello hello world, hello hello world, and that")


@given(st.text(min_size=1, max_size=30), st.text(max_size=60))
def test_every_difference_gets_a_name(right: str, actual: str) -> None:
    assert right == actual or describe_seam(right, actual)
