"""A failed row makes every figure worse, and none that a metric rests on has a flawless bound."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.metrics.answered_rows import NO_CLASS, AnsweredRows, make_answered_rows
from harness.metrics.quality_metric import Aim, find_metric, list_metrics
from tests.metrics.test_families import BINARY, CASES, NUMBERS, ROWS, draw_vectors

FIGURES = [case[:3] for case in CASES if not case[1].is_ranking]
"""Those of which a failed row is known from the others; tests/suites/validation/test_ranking.py has those of orders."""


def fail(rows: AnsweredRows, places: np.ndarray) -> AnsweredRows:
    """The rows with some of them failed, as `build_answered_rows` fills them in."""
    failed = np.zeros(len(rows), bool)
    failed[places] = True
    if rows.vectors is not None:
        return replace(rows, failed=failed, vectors=np.where(failed[:, None], 0.0, rows.vectors))
    if not rows.classes:
        low, high = rows.labels.min(), rows.labels.max()
        furthest = np.where(rows.labels - low > high - rows.labels, low, high)
        return replace(rows, failed=failed, predictions=np.where(failed, furthest, rows.predictions))
    if rows.confidence is not None:
        confidence, predictions = np.where(failed, 1.0, rows.confidence), np.where(failed, NO_CLASS, rows.predictions)
        return replace(rows, failed=failed, predictions=predictions, confidence=confidence)
    scores = rows.scores
    assert scores is not None
    worst = np.full_like(scores, np.inf)
    worst[np.arange(len(rows)), rows.labels] = -np.inf
    return replace(
        rows,
        failed=failed,
        predictions=np.where(failed, NO_CLASS, rows.predictions),
        scores=np.where(failed[:, None], worst, scores),
    )


@pytest.mark.parametrize(("name", "rows", "aim"), FIGURES, ids=[case[0] for case in FIGURES])
def test_failed_rows_make_every_figure_worse(name: str, rows: AnsweredRows, aim: Aim) -> None:
    metric = find_metric(name)
    before = metric.prepare(rows, aim).estimate
    after = metric.prepare(fail(rows, np.arange(0, len(rows), 7)), aim).estimate
    if name == "precision":  # what is not answered is no wrong answer of a class
        assert after == pytest.approx(before, abs=0.05)
    else:
        assert after < before if metric.metric.direction == ">=" else after > before
    all_failed = metric.prepare(fail(rows, np.arange(len(rows))), aim)
    if not all_failed.unjudged:
        assert all_failed.estimate < before / 2 if metric.metric.direction == ">=" else all_failed.estimate > before * 2


def make_flawless(rows: AnsweredRows) -> AnsweredRows:
    if rows.confidence is not None:
        return replace(rows, predictions=rows.labels, confidence=np.ones(len(rows)))
    if rows.vectors is not None:
        return replace(rows, vectors=np.eye(12)[rows.labels])
    if not rows.classes:
        return replace(rows, predictions=rows.labels)
    return replace(rows, predictions=rows.labels, scores=np.eye(len(rows.classes))[rows.labels])


@pytest.mark.parametrize(("name", "rows", "aim"), FIGURES, ids=[case[0] for case in FIGURES])
def test_a_flawless_sample_is_no_proof(name: str, rows: AnsweredRows, aim: Aim) -> None:
    metric = find_metric(name)
    few = metric.prepare(make_flawless(rows).select(np.arange(48)), aim)
    low, high = few.find_bounds((0.05, 0.05), seed=1)
    if metric.metric.direction == ">=" and name != "r2":
        assert few.estimate == 1.0
        assert 0.4 < low <= 0.97
        assert high == pytest.approx(1.0)


@pytest.mark.parametrize(("name", "rows", "aim"), FIGURES, ids=[case[0] for case in FIGURES])
def test_the_additional_rows_lower_and_raise_the_figure(name: str, rows: AnsweredRows, aim: Aim) -> None:
    """Each bound takes in the row that moves the figure its way: of an error the lower bound takes in a good row."""
    prepared = find_metric(name).prepare(rows, aim)
    drawn = np.tile(prepared.weights, (3, 1))
    drawn[0, -1] = drawn[1, -2] = 0.0
    drawn[2, -2:] = 0.0
    lowered, raised, estimate = prepared.statistic(drawn)
    assert lowered <= estimate <= raised
    assert lowered < raised


def test_parts_of_the_rows_are_the_rows() -> None:
    part = ROWS.select(ROWS.labels == 1)
    assert len(part) == int((ROWS.labels == 1).sum())
    assert part.classes == ROWS.classes
    assert set(part.labels.tolist()) == {1}
    columned = replace(BINARY, columns={"age": np.array(["old", "young"])[BINARY.labels]})
    assert set(columned.select(columned.columns["age"] == "old").labels.tolist()) == {0}
    assert len(replace(NUMBERS, population=np.arange(len(NUMBERS)) < 9).choose_population()) == 9


def test_what_cannot_be_computed_says_why() -> None:
    one_class = make_answered_rows(np.zeros(9, int), np.zeros(9, int), classes=("a", "b"), scores=np.full((9, 2), 0.5))
    assert "nothing can be ordered" in find_metric("roc_auc").prepare(one_class, Aim(1)).unjudged
    assert "no row of 9" in find_metric("recall").prepare(one_class, Aim(1)).unjudged
    logits = replace(BINARY, scores=np.asarray(BINARY.scores) * 5)
    for name in ("log_loss", "brier"):
        assert "no probabilities: those of row 0 sum to 5" in find_metric(name).prepare(logits, Aim()).unjudged
    constant = make_answered_rows(np.ones(9), np.ones(9))
    assert "no variation" in find_metric("r2").prepare(constant, Aim()).unjudged
    alone = replace(draw_vectors(), labels=np.arange(120), classes=tuple(map(str, range(120))))
    assert "none shares its label" in find_metric("recall_at_k").prepare(alone, Aim(k=5)).unjudged
    assert "always hold the label" in find_metric("top_k").prepare(ROWS, Aim(k=3)).unjudged


def test_each_metric_says_what_it_needs() -> None:
    for metric in list_metrics():
        assert metric.needs
        assert metric.metric.quality
        assert metric.metric.title
        assert metric.metric.definition
