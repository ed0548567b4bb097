"""Figures of embeddings and of rankings: does what is relevant come first?

Of embeddings each row is a query to all others, and the nearest neighbours by cosine should share its label; the bounds
hold for queries to this collection. A row without a vector finds nothing and is found by nobody. Of rankings each row
is a query with documents of its own, each with a grade. Tested in tests/metrics/test_families.py.
"""

from __future__ import annotations

import numpy as np

from harness.metrics.answered_rows import AnsweredRows, Flags
from harness.metrics.quality_metric import Aim, Prepared, QualityMetric, define_metric, prepare_mean, prepare_unjudged
from harness.stats.resampling import Values

_MOST_AT_ONCE = 4_000_000


def _list_queries(rows: AnsweredRows) -> Flags:
    """Which rows share their label with another one: the others have nothing to find."""
    return np.asarray(np.bincount(rows.labels)[rows.labels] > 1)


def _rank_neighbours(rows: AnsweredRows, k: int) -> Flags:
    """Of each row's k nearest neighbours, the nearest first, whether they share its label: (n, k)."""
    assert rows.vectors is not None
    lengths = np.linalg.norm(rows.vectors, axis=1, keepdims=True)
    units = np.divide(rows.vectors, lengths, out=np.zeros_like(rows.vectors), where=lengths > 0)
    n = len(rows)
    shares = np.zeros((n, k), bool)
    height = max(1, _MOST_AT_ONCE // n)
    for start in range(0, n, height):
        places = np.arange(start, min(n, start + height))
        similarity = units[places] @ units.T
        similarity[:, rows.failed] = -2.0
        similarity[np.arange(len(places)), places] = -np.inf
        nearest = np.argsort(-similarity, axis=1, kind="stable")[:, :k]
        shares[places] = (rows.labels[nearest] == rows.labels[places, None]) & ~rows.failed[places, None]
    return shares


def _prepare_ranking(rows: AnsweredRows, k: int, gains: Values, *, ideal: bool, at_random: bool = False) -> Prepared:
    """The grades of the first k documents of each query that has a relevant one, as a share of what is possible.

    `at_random`: what a random order has on average. Recall counts documents with a grade over 0, whatever it is.
    """
    assert rows.vectors is not None
    grades = np.nan_to_num(rows.vectors) if ideal else (np.nan_to_num(rows.vectors) > 0).astype(float)
    documents = (~np.isnan(rows.vectors)).sum(axis=1)
    queries = grades.sum(axis=1) > 0
    if not (queries & (documents > (1 if ideal else k))).any():
        return prepare_unjudged(f"no query has a relevant document and more than {k} documents")
    first = np.minimum(k, grades.shape[1])
    gained = grades[:, :first] @ gains[:first]
    if at_random:
        weighed = np.append(0.0, np.cumsum(gains))[np.minimum(documents, k)]
        gained = grades.sum(axis=1) / documents * weighed
    best = -np.sort(-grades, axis=1)[:, :first] @ gains[:first] if ideal else grades.sum(axis=1)
    return prepare_mean(gained[queries] / best[queries], rows.weights[queries], 0.0, 1.0)


def _prepare(rows: AnsweredRows, k: int | None, gains: Values, *, ideal: bool) -> Prepared:
    assert k is not None
    if rows.is_ranking:
        return _prepare_ranking(rows, k, gains, ideal=ideal)
    queries = _list_queries(rows)
    if not queries.any() or len(rows) <= k:
        return prepare_unjudged(f"of {len(rows)} rows, none shares its label with another, or there are not {k} others")
    gained = (_rank_neighbours(rows, k) * gains).sum(axis=1)
    relevant = np.bincount(rows.labels)[rows.labels] - 1
    best = np.append(0.0, np.cumsum(gains))[np.minimum(relevant, k)] if ideal else relevant
    return prepare_mean(gained[queries] / best[queries], rows.weights[queries], 0.0, 1.0)


def _prepare_recall(rows: AnsweredRows, aim: Aim) -> Prepared:
    return _prepare(rows, aim.k, np.ones(aim.k or 1), ideal=False)


def _prepare_ndcg(rows: AnsweredRows, aim: Aim) -> Prepared:
    return _prepare(rows, aim.k, 1 / np.log2(np.arange(aim.k or 1) + 2.0), ideal=True)


def _rank_at_random(rows: AnsweredRows, k: int | None, gains: Values, *, ideal: bool) -> Prepared:
    """The expected figure of a random order: each neighbour shares the label with the same chance."""
    assert k is not None
    if rows.is_ranking:
        return _prepare_ranking(rows, k, gains, ideal=ideal, at_random=True)
    queries = _list_queries(rows)
    relevant = np.bincount(rows.labels)[rows.labels] - 1
    expected = relevant / max(1, len(rows) - 1) * gains.sum()
    best = np.append(0.0, np.cumsum(gains))[np.minimum(relevant, k)] if ideal else relevant
    return prepare_mean(expected[queries] / best[queries], rows.weights[queries], 0.0, 0.0)


FAMILY = (
    QualityMetric(
        define_metric(
            "recall_at_k",
            "recall@k",
            "the share of what is relevant (rows of the same label, documents with a grade) among the first k",
            "k",
        ),
        ("vectors",),
        _prepare_recall,
        trivial=lambda rows, aim: _rank_at_random(rows, aim.k, np.ones(aim.k or 1), ideal=False),
    ),
    QualityMetric(
        define_metric(
            "ndcg_at_k",
            "nDCG@k",
            "the discounted gain of the first k (1 for a row of the same label, or a document's grade), of the most",
            "k",
        ),
        ("vectors",),
        _prepare_ndcg,
        trivial=lambda rows, aim: _rank_at_random(rows, aim.k, 1 / np.log2(np.arange(aim.k or 1) + 2.0), ideal=True),
    ),
)
