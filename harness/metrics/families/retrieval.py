"""Figures of embeddings: are the nearest neighbours of a row, by cosine, those that share its label?

Each row is a query to all others; the bounds hold for queries to this collection. A row without a vector finds nothing
and is found by nobody. Tested in tests/metrics/test_families.py.
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


def _prepare(rows: AnsweredRows, k: int | None, gains: Values, *, ideal: bool) -> Prepared:
    assert k is not None
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
            "the share of the rows with a row's label that are among its k nearest neighbours by cosine",
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
            "the discounted gain of the k nearest neighbours that share the label, of the best order's",
            "k",
        ),
        ("vectors",),
        _prepare_ndcg,
        trivial=lambda rows, aim: _rank_at_random(rows, aim.k, 1 / np.log2(np.arange(aim.k or 1) + 2.0), ideal=True),
    ),
)
