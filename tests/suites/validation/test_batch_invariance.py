"""Models whose answer to a row depends on its batch, and healthy twins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from harness.core.verdict import Status, Verdict
from tests.suites.integration.manners import Sent, run_check

suite = import_module("harness.suites.validation.test_batch_invariance")
Rows = list[list[float]]
Scores = list[list[float]]


def score(rows: Rows) -> Scores:
    return [[row[0] - row[1], row[2] * row[3]] for row in rows]


def normalise_over_the_batch(rows: Rows) -> Scores:
    """Batch statistics, as a model in training mode has them."""
    shift = sum(map(sum, rows)) / len(rows) / 100 if len(rows) > 1 else 0.0
    return [[one - shift, other] for one, other in score(rows)]


def wrong_from_nine_rows(rows: Rows) -> Scores:
    return [[0.5, 0.5]] * 2 + score(rows)[2:] if len(rows) > 8 else score(rows)


def first_row_padded(rows: Rows) -> Scores:
    return [[0.1, 0.9], *score(rows)[1:]] if len(rows) % 2 and len(rows) > 1 else score(rows)


def reversed_when_large(rows: Rows) -> Scores:
    return score(rows)[::-1] if len(rows) > 4 else score(rows)


def lost_row(rows: Rows) -> Scores:
    return score(rows)[:-1] if len(rows) == 7 else score(rows)


def rounded_differently(rows: Rows) -> Scores:
    """What single precision does with the size of the batch."""
    return [[value * (1 + 1e-7 * len(rows)) for value in row] for row in score(rows)]


def judge(model: Callable[[Rows], Any], folder: Path) -> Verdict:
    def answer(path: str, headers: Mapping[str, str], body: Any) -> Sent:
        scores = model(body["instances"])
        return scores if isinstance(scores, tuple) else (200, {}, {"probabilities": scores})

    verdict: Verdict = run_check(
        answer, suite.test_any_batch, folder, protocol="plain_json", sample=[[0.25, 0.5, 0.75, 1.0]]
    )
    return verdict


@pytest.mark.parametrize("model", [score, rounded_differently])
def test_healthy_models_pass(tmp_path: Path, model: Any) -> None:
    verdict = judge(model, tmp_path)
    assert verdict.status is Status.PASS, verdict.reason
    assert verdict.n == 16
    assert verdict.reason.startswith("16 rows have in batches of 2, 3, 7, 16, 16 the answers that they have alone")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (normalise_over_the_batch, "differs from the row's answer alone"),
        (wrong_from_nine_rows, "differs from the row's answer alone"),
        (first_row_padded, "place 0 of the batch"),
        (reversed_when_large, "the order is not kept"),
        (lost_row, "has 6 entries for a batch of 7 rows"),
        (lambda rows: (500, {}, {"error": "x"}) if len(rows) > 8 else score(rows), "a batch of 16 rows fails"),
    ],
)
def test_answers_that_depend_on_the_batch_fail(tmp_path: Path, model: Any, words: str) -> None:
    verdict = judge(model, tmp_path)
    assert verdict.status is Status.FAIL, verdict.reason
    assert words in verdict.reason


def test_sizes_that_are_refused_take_nothing_from_the_others(tmp_path: Path) -> None:
    verdict = judge(lambda rows: (413, {}, {"error": "x"}) if len(rows) > 8 else score(rows), tmp_path)
    assert verdict.status is Status.PASS, verdict.reason
    assert "in batches of 2, 3, 7 the answers" in verdict.reason
    assert any("refuses a batch of 16 rows" in note for note in verdict.notes)


@pytest.mark.parametrize(
    "model",
    [lambda rows: (413, {}, {"error": "x"}) if len(rows) > 1 else score(rows), lambda rows: [[0.5]] * len(rows)],
)
def test_what_shows_nothing_is_no_pass(tmp_path: Path, model: Any) -> None:
    assert judge(model, tmp_path).status is Status.INCONCLUSIVE
