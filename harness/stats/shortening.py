"""Whether answers are shorter than before, query by query: an exact permutation test, and what it would have shown.

If nothing shortens them, the sizes of the answers to one query are exchangeable between before and after. Two figures
are compared with those of random exchanges within each query: the sum of ranks, which shows that most are shorter, and
the number of answers shorter than every one before, which shows that a few are far shorter. Sizes of different queries
are compared as multiples of their query's median. Both share the error rate (Bonferroni). An answer that failed after
has the size inf: long answers are more likely to fail, and what is left would look shorter.
`benchmarks/shortening_errors.py` simulates it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

SHORTENING_ALPHA = 0.005
"""The probability with which answers that nothing shortens are called shorter."""

_DRAWS, _AT_ONCE = 1999, 200
"""Random exchanges, of which none may look as short for a p-value of 2/2000; so many are drawn at once."""

_CUT_SHARE, _CUT_SIZE = 2, 0.5
"""`would_show_cut` asks for one of so many answers cut to this part of its size."""

Groups = Sequence[tuple[ArrayLike, ArrayLike]]
"""For each query the sizes of its answers before and after."""


def compute_shortening_p(groups: Groups, seed: int = 0) -> float:
    """The p-value that the sizes after are as those before; 1 where no query has both."""
    values, is_after, ends = _join_groups(groups)
    if not len(ends):
        return 1.0
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    observed = _measure(ranks, is_after[None, :])
    exceeding = np.zeros(2)
    for labels in _draw_labels(is_after, ends, seed):
        drawn = _measure(ranks, labels)
        exceeding += [(drawn[0] <= observed[0]).sum(), (drawn[1] >= observed[1]).sum()]
    return float(min(1.0, 2 * (1 + exceeding.min()) / (1 + _DRAWS)))


def would_show_cut(groups: Groups, seed: int = 0) -> bool:
    """Whether the test would have shown it if every second answer after had lost half of its size."""
    cut, passed = [], 0
    for before, after in groups:
        sizes = np.array(after, dtype=float)
        whole = np.flatnonzero(np.isfinite(sizes))
        sizes[whole[passed % _CUT_SHARE :: _CUT_SHARE]] *= _CUT_SIZE
        passed += len(whole)
        cut.append((before, sizes))
    return compute_shortening_p(cut, seed) <= SHORTENING_ALPHA


def find_factor(groups: Groups, most: int = 16) -> int | None:
    """With how many times the answers, before and after, `would_show_cut` holds; None where it does with none."""
    for factor in (2, 4, 8, 16):
        if factor <= most and would_show_cut([(np.tile(a, factor), np.tile(b, factor)) for a, b in groups]):
            return factor
    return None


def _join_groups(groups: Groups) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64]]:
    """The sizes of all queries as multiples of their median, which of them are after, and where each query ends."""
    values, labels, ends = [], [], []
    for before, after in groups:
        sizes = np.concatenate([np.asarray(before, dtype=float), np.asarray(after, dtype=float)])
        first, second = len(np.asarray(before)), len(np.asarray(after))
        finite = sizes[np.isfinite(sizes)]
        if not first or not second or not len(finite):
            continue
        values.append(sizes / max(1.0, float(np.median(finite))))
        labels.append(np.arange(len(sizes)) >= first)
        ends.append(len(sizes))
    if not ends:
        return np.empty(0), np.empty(0, dtype=bool), np.empty(0, dtype=np.int64)
    return np.concatenate(values), np.concatenate(labels), np.cumsum(ends)


def _draw_labels(is_after: NDArray[np.bool_], ends: NDArray[np.int64], seed: int) -> Iterator[NDArray[np.bool_]]:
    """Exchanges of the labels within each query, shape (draws, answers)."""
    random, left = np.random.default_rng(seed), _DRAWS
    group = np.searchsorted(ends, np.arange(len(is_after)), side="right")
    while left:
        count = min(left, _AT_ONCE)
        left -= count
        order = np.argsort(group + random.random((count, len(is_after))), axis=1)
        yield is_after[order]


def _measure(ranks: NDArray[np.float64], labels: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The rank sum of those after, and how many of them rank below every one before; shape (2, draws)."""
    sums = np.where(labels, ranks, 0.0).sum(axis=1)
    lowest_before = np.where(labels, np.inf, ranks).min(axis=1, keepdims=True)
    return np.array([sums, (labels & (ranks < lowest_before)).sum(axis=1)])
