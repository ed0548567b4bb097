"""A row that lacks a value changes nothing for the rows beside it, whatever its service makes of it alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from harness.core.endpoint import Endpoint, Template
from harness.core.settings import Settings
from harness.core.verdict import Status, Verdict
from tests.services import Answered, asking, serving

whole_batch = import_module("harness.suites.integration.test_batch").test_equals_singles
SEGMENTS = {"42": "silver", "7": "gold"}
ROW = {"visits": 3, "amount": 20.5, "referrer": 42}
Column = list[Any]


def keep(column: Column) -> Column:
    return column


def make_fractions(column: Column) -> Column:
    """What a data frame makes of whole numbers with a missing one."""
    if None not in column:
        return column
    return [None if value is None else float(value) for value in column]


def fill_mean(column: Column) -> Column:
    known = [value for value in column if value is not None]
    mean = math.fsum(known) / len(known) if known else 0.0
    return [mean if None in column else value for value in column]


def refuse_beside(column: Column) -> Column:
    if None in column and len(column) > 1:
        raise ValueError("a null in a batch")
    return column


def score_rows(
    change: Callable[[Column], Column], folder: Path, *, refuses: bool = False, names: bool = True
) -> Verdict:
    def answer(path: str, body: Any) -> Answered:
        rows = body["rows"]
        if refuses and any(row.get(name) is None for row in rows for name in ROW):
            return 422, {"error": "a value is missing"}
        try:
            columns = {name: change([row.get(name) for row in rows]) for name in ROW}
        except ValueError:
            return 500, {"error": "no"}
        scored = []
        for visits, amount, referrer in zip(*columns.values(), strict=True):
            segment = SEGMENTS.get(str(referrer), "other")
            shown = {"segment": segment, "referrer": referrer} if names else {"referrer": referrer}
            scored.append({**shown, "score": (visits or 0) / 10 + (amount or 0) / 100})
        return 200, {"predictions": scored}

    with serving(answer) as url:
        template = Template(body='{"rows": {{input}}}', answer="$.predictions")
        endpoint = Endpoint(url, "plain_json", sample=[ROW], template=template)
        with asking(Settings(endpoint, ("integration",)), folder) as session:
            verdict: Verdict = whole_batch(session)
    return verdict


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (make_fractions, "changes the rows beside it in its batch: predictions[0].segment is 'other', not 'silver'"),
        (fill_mean, "changes the rows beside it in its batch"),
        (refuse_beside, "makes its batch fail"),
    ],
    ids=["whole numbers become fractions", "all become the mean", "the batch fails"],
)
def test_a_null_that_changes_its_neighbours_fails(tmp_path: Path, change: Any, words: str) -> None:
    verdict = score_rows(change, tmp_path)
    assert verdict.status is Status.FAIL, verdict.reason
    assert words in verdict.reason


def test_a_large_whole_number_that_is_rounded_beside_a_null_fails(tmp_path: Path) -> None:
    verdict = score_rows(make_fractions, tmp_path, names=False)
    assert verdict.status is Status.FAIL, verdict.reason
    assert "has 9007199254740992.0, and 9007199254740993 alone" in verdict.reason


@pytest.mark.parametrize("refuses", [False, True], ids=["answered", "refused"])
def test_a_null_that_changes_nothing_passes(tmp_path: Path, refuses: bool) -> None:
    verdict = score_rows(keep, tmp_path, refuses=refuses)
    assert verdict.status is Status.PASS, verdict.reason
    assert any("changes nothing for the rows beside it" in note for note in verdict.notes)
