"""Every metric gives scikit-learn's figure, its bounds hold it, and a failed row makes every one of them worse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as oracle

from harness.metrics.answered_rows import NO_CLASS, AnsweredRows, make_answered_rows
from harness.metrics.quality_metric import Aim, find_metric, list_metrics

CLASSES = ("a", "b", "c")


def draw_rows(n: int = 400, classes: tuple[str, ...] = CLASSES, seed: int = 1) -> AnsweredRows:
    """Rows of an imperfect classifier whose scores are probabilities."""
    generator = np.random.default_rng(seed)
    labels = generator.choice(
        len(classes), n, p=np.array([6, 3, 1, 1][: len(classes)]) / sum([6, 3, 1, 1][: len(classes)])
    )
    logits = generator.normal(size=(n, len(classes)))
    logits[np.arange(n), labels] += 1.5
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return make_answered_rows(labels, scores.argmax(axis=1), classes=classes, scores=scores)


def draw_numbers(n: int = 300) -> AnsweredRows:
    generator = np.random.default_rng(2)
    labels = generator.normal(50, 10, n)
    return make_answered_rows(labels, labels + generator.normal(1, 4, n))


def draw_rankings(n: int = 80) -> tuple[AnsweredRows, Any, Any]:
    """Queries with seven documents each, as rows, and their grades and scores in the order of the documents."""
    generator = np.random.default_rng(8)
    grades = generator.integers(0, 4, (n, 7)).astype(float)
    grades[:, 0] = 1.0
    scores = grades + generator.normal(0, 1.5, grades.shape)
    gains = np.take_along_axis(grades, np.argsort(-scores, axis=1), axis=1)
    nothing = np.full(n, NO_CLASS)
    return make_answered_rows(nothing, nothing, vectors=gains, is_ranking=True), grades, scores


def draw_vectors(n: int = 120) -> AnsweredRows:
    generator = np.random.default_rng(3)
    labels = np.arange(n) % 12
    vectors = generator.normal(size=(12, 8))[labels] + generator.normal(0, 0.8, (n, 8))
    names = tuple(map(str, range(12)))
    return make_answered_rows(labels, np.full(n, NO_CLASS), classes=names, vectors=vectors)


ROWS = draw_rows()
BINARY = draw_rows(classes=("no", "yes"))
NUMBERS = draw_numbers()
ONE_HOT = np.eye(3)[ROWS.labels]
Y, P, S = ROWS.labels, ROWS.predictions, np.asarray(ROWS.scores)
S2 = np.asarray(BINARY.scores)
CONFIDENT = replace(ROWS, scores=None, confidence=np.random.default_rng(6).uniform(0.3, 0.99, len(ROWS)))
"""Answers that state the probability of their own class alone."""

CASES: list[tuple[str, AnsweredRows, Aim, Callable[[], Any]]] = [
    ("accuracy", ROWS, Aim(), lambda: oracle.accuracy_score(Y, P)),
    ("balanced_accuracy", ROWS, Aim(), lambda: oracle.balanced_accuracy_score(Y, P)),
    ("recall", ROWS, Aim(), lambda: oracle.recall_score(Y, P, average="macro")),
    ("recall", ROWS, Aim(2), lambda: oracle.recall_score(Y, P, average=None)[2]),
    ("precision", ROWS, Aim(), lambda: oracle.precision_score(Y, P, average="macro")),
    ("precision", ROWS, Aim(1), lambda: oracle.precision_score(Y, P, average=None)[1]),
    ("f1", ROWS, Aim(), lambda: oracle.f1_score(Y, P, average="macro")),
    ("f1", ROWS, Aim(0), lambda: oracle.f1_score(Y, P, average=None)[0]),
    ("macro_f1", ROWS, Aim(), lambda: oracle.f1_score(Y, P, average="macro")),
    ("micro_f1", ROWS, Aim(), lambda: oracle.f1_score(Y, P, average="micro")),
    ("mcc", ROWS, Aim(), lambda: oracle.matthews_corrcoef(Y, P)),
    ("mcc", BINARY, Aim(), lambda: oracle.matthews_corrcoef(BINARY.labels, BINARY.predictions)),
    ("roc_auc", ROWS, Aim(), lambda: oracle.roc_auc_score(Y, S, multi_class="ovr", average="macro")),
    ("roc_auc", ROWS, Aim(2), lambda: oracle.roc_auc_score(Y == 2, S[:, 2])),
    ("roc_auc", BINARY, Aim(), lambda: oracle.roc_auc_score(BINARY.labels, S2[:, 1])),
    ("pr_auc", ROWS, Aim(), lambda: oracle.average_precision_score(ONE_HOT, S, average="macro")),
    ("pr_auc", BINARY, Aim(1), lambda: oracle.average_precision_score(BINARY.labels, S2[:, 1])),
    ("log_loss", ROWS, Aim(), lambda: oracle.log_loss(Y, S)),
    ("log_loss", CONFIDENT, Aim(), lambda: oracle.log_loss(CONFIDENT.right, CONFIDENT.confidence)),
    ("brier", CONFIDENT, Aim(), lambda: oracle.brier_score_loss(CONFIDENT.right, CONFIDENT.confidence)),
    ("brier", BINARY, Aim(), lambda: oracle.brier_score_loss(BINARY.labels, S2[:, 1])),
    ("brier", ROWS, Aim(), lambda: ((S - ONE_HOT) ** 2).sum(axis=1).mean() / 2),
    ("top_k", ROWS, Aim(k=2), lambda: oracle.top_k_accuracy_score(Y, S, k=2)),
    ("mae", NUMBERS, Aim(), lambda: oracle.mean_absolute_error(NUMBERS.labels, NUMBERS.predictions)),
    ("rmse", NUMBERS, Aim(), lambda: oracle.root_mean_squared_error(NUMBERS.labels, NUMBERS.predictions)),
    ("r2", NUMBERS, Aim(), lambda: oracle.r2_score(NUMBERS.labels, NUMBERS.predictions)),
    ("recall_at_k", draw_vectors(), Aim(k=5), lambda: _find_neighbours(5)[0]),
    ("ndcg_at_k", draw_vectors(), Aim(k=5), lambda: _find_neighbours(5)[1]),
    ("ndcg_at_k", draw_rankings()[0], Aim(k=4), lambda: oracle.ndcg_score(*draw_rankings()[1:], k=4)),
    ("ndcg_at_k", draw_rankings()[0], Aim(k=20), lambda: oracle.ndcg_score(*draw_rankings()[1:])),
    ("recall_at_k", draw_rankings()[0], Aim(k=3), lambda: _recall(*draw_rankings()[1:], 3)),
]


def _recall(grades: Any, scores: Any, k: int) -> float:
    """recall@k query by query."""
    shares = []
    for own, given in zip(grades, scores, strict=True):
        first = np.argsort(-given)[:k]
        shares.append((own[first] > 0).sum() / (own > 0).sum())
    return float(np.mean(shares))


def _find_neighbours(k: int) -> tuple[float, float]:
    """recall@k and nDCG@k row by row."""
    rows = draw_vectors()
    similarity = oracle.pairwise.cosine_similarity(rows.vectors)
    np.fill_diagonal(similarity, -2)
    relevant = (rows.labels[:, None] == rows.labels).astype(float)
    np.fill_diagonal(relevant, 0)
    order = np.argsort(-similarity, axis=1)[:, :k]
    nearest = np.take_along_axis(relevant, order, axis=1).sum(axis=1)
    return float((nearest / relevant.sum(axis=1)).mean()), float(oracle.ndcg_score(relevant, similarity, k=k))


NAMES = [f"{name}-{number}" for number, (name, *_) in enumerate(CASES)]


@pytest.mark.parametrize(("name", "rows", "aim", "expected"), CASES, ids=NAMES)
def test_figures_are_those_of_scikit_learn(
    name: str, rows: AnsweredRows, aim: Aim, expected: Callable[[], Any]
) -> None:
    prepared = find_metric(name).prepare(rows, aim)
    assert prepared.estimate == pytest.approx(expected(), abs=1e-9)
    low, high = prepared.find_bounds((0.05, 0.05), seed=1)
    assert low < prepared.estimate < high
    assert prepared.find_bounds((0.001, 0.001), seed=1)[0] < low


def test_a_failed_row_with_a_confidence_is_wrong_as_can_be() -> None:
    first = CONFIDENT.select(np.arange(1))
    rows = replace(first, failed=np.ones(1, bool), predictions=np.array([NO_CLASS]), confidence=np.ones(1))
    assert find_metric("brier").prepare(rows, Aim()).estimate == 1.0
    assert find_metric("log_loss").prepare(rows, Aim()).estimate == pytest.approx(-np.log(1e-6))


def test_every_metric_is_compared() -> None:
    assert {name for name, *_ in CASES} >= {
        metric.metric.name for metric in list_metrics() if not metric.compares_groups
    } - {"ece"}


@pytest.mark.parametrize(("name", "rows", "aim", "expected"), CASES, ids=NAMES)
def test_weights_count_a_row_as_often_as_they_say(
    name: str, rows: AnsweredRows, aim: Aim, expected: Callable[[], Any]
) -> None:
    weights = np.where(np.arange(len(rows)) % 3, 1.0, 2.0)
    if rows.vectors is not None and not rows.is_ranking:  # a repeated row would be its own neighbour
        return
    repeated = rows.select(np.repeat(np.arange(len(rows)), weights.astype(int)))
    metric = find_metric(name)
    weighted = metric.prepare(replace(rows, weights=weights), aim)
    assert weighted.estimate == pytest.approx(metric.prepare(repeated, aim).estimate, abs=1e-9)
    low, high = weighted.find_bounds((0.05, 0.05), seed=1)
    assert low < weighted.estimate < high


def draw_model(n: int, seed: int, shares: tuple[float, ...]) -> AnsweredRows:
    """Rows of a classifier with these shares of classes, every class at least once."""
    generator = np.random.default_rng((n, seed))
    labels = generator.choice(len(shares), n, p=shares)
    labels[: len(shares)] = np.arange(len(shares))
    logits = generator.normal(size=(n, len(shares)))
    logits[np.arange(n), labels] += 1.5
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return make_answered_rows(labels, scores.argmax(axis=1), classes=tuple("abc"[: len(shares)]), scores=scores)


@pytest.mark.simulation
@pytest.mark.parametrize("shares", [(0.4, 0.35, 0.25), (0.8, 0.2)], ids=["three", "two"])
@pytest.mark.parametrize("name", ["balanced_accuracy", "macro_f1", "mcc", "roc_auc", "pr_auc", "log_loss", "brier"])
def test_each_bound_is_beyond_the_truth_in_at_most_five_of_a_hundred_runs(name: str, shares: tuple[float, ...]) -> None:
    """A lower bound over the true figure is a false PASS or FAIL at the limit, by the direction; so is an upper one."""
    metric, runs = find_metric(name), 150
    truth = metric.prepare(draw_model(200_000, 0, shares), Aim()).estimate
    bounds = [
        metric.prepare(draw_model(100, seed + 1, shares), Aim()).find_bounds((0.05, 0.05), 1) for seed in range(runs)
    ]
    assert sum(low > truth for low, _ in bounds) <= 0.05 * runs + 8
    assert sum(high < truth for _, high in bounds) <= 0.05 * runs + 8
