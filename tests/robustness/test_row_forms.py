from __future__ import annotations

from typing import Any

import pytest

from harness.core.attack_settings import AttackSettings
from harness.core.dataset import Dataset
from harness.core.errors import UsageError
from harness.core.threat import Column
from harness.robustness.row_forms import RowForm, find_form, make_columns

ROWS = [{"age": 30, "job": "cook", "new": True}, {"age": 41.5, "job": "baker", "new": False}]


def make(inputs: Any, names: tuple[str, ...] = ()) -> Dataset:
    return Dataset("people", inputs, tuple(range(len(inputs))), names=names)


def test_an_object_becomes_numbers_and_itself_again() -> None:
    form = find_form(make(ROWS))
    assert isinstance(form, RowForm)
    assert form.encode(ROWS[0]) == (30.0, 1.0, 1.0)
    assert [form.decode(form.encode(row)) for row in ROWS] == ROWS


@pytest.mark.parametrize("row", ["a text", [1.0, 2.0]])
def test_texts_and_numbers_stay_as_they_are(row: Any) -> None:
    form = find_form(make([row, row]))
    assert isinstance(form, RowForm)
    assert form.decode(form.encode(row)) == row


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"a": 1}, {"b": 1}], "different fields|neither"),
        ([{"a": 1}, {"a": "x"}], "neither numbers nor texts"),
        ([{"a": [1]}, {"a": [2]}], "neither numbers nor texts"),
        ([{"a": None}, {"a": 1}], "neither numbers nor texts"),
        ([5, 6], "no rows of numbers"),
    ],
)
def test_rows_that_no_attack_can_change_are_named(rows: Any, words: str) -> None:
    problem = find_form(make(rows))
    assert isinstance(problem, str)
    assert any(word in problem for word in words.split("|"))


def test_a_column_of_texts_allows_its_values() -> None:
    form = find_form(make(ROWS))
    assert isinstance(form, RowForm)
    columns = make_columns(AttackSettings(1.0, columns={"age": Column(integer=True)}), make(ROWS), form)
    assert [column.integer for column in columns] == [True, False, False]
    assert columns[1].categories == [0.0, 1.0]
    few = make_columns(AttackSettings(1.0, columns={"job": Column(categories=["cook"])}), make(ROWS), form)
    assert few[1].categories == [1.0]


def test_columns_are_named_by_the_data_or_by_their_place() -> None:
    named, bare = make([[1.0, 2.0]], ("height", "width")), make([[1.0, 2.0]])
    column = Column(immutable=True)
    assert make_columns(AttackSettings(1.0, columns={"width": column}), named, RowForm())[1] == column
    assert make_columns(AttackSettings(1.0, columns={"1": column}), bare, RowForm())[1] == column
    assert make_columns(AttackSettings(1.0), bare, RowForm()) == ()


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"size": Column()}, "no column 'size'; it has age, job, new"),
        ({"job": Column(categories=["judge"])}, "'judge' is no value of the data; they are baker, cook"),
        ({"age": Column(categories=["old"])}, "the column holds numbers"),
    ],
)
def test_columns_that_the_data_do_not_have_are_refused(columns: dict[str, Column], words: str) -> None:
    form = find_form(make(ROWS))
    assert isinstance(form, RowForm)
    with pytest.raises(UsageError, match=words):
        make_columns(AttackSettings(1.0, columns=columns), make(ROWS), form)
