"""Histograms of one metric over the time blocks of a load, in one array: their size does not grow with the load."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.stats.histogram import GAMMA, Histogram

_LOWEST, _HIGHEST = (math.ceil(math.log(seconds) / math.log(GAMMA)) for seconds in (1e-9, 1e7))
_ZERO, _FIRST, _INFINITE = 0, 1, _HIGHEST - _LOWEST + 2
"""The columns: zeros, the buckets of `Histogram` from 1 ns to 116 days (what lies outside counts as the outermost
one), and infinite values.
"""
_LOG_GAMMA = math.log(GAMMA)
CountByBlock = NDArray[np.int64]


class BlockHistogram:
    """CountByBlock non-negative values, each in one of `blocks` blocks, in the buckets of `Histogram`.

    The values over each of `limits` are counted exactly. CountByBlock of processes add up (`merge`).
    """

    def __init__(self, blocks: int, limits: Iterable[float] = ()) -> None:
        self.limits = tuple(sorted(float(limit) for limit in limits))
        self._counts = np.zeros((blocks, _INFINITE + 1), np.int64)
        self._over = np.zeros((len(self.limits), blocks), np.int64)

    @property
    def n(self) -> CountByBlock:
        """How many values every block has, shape (blocks,)."""
        n: CountByBlock = np.sum(self._counts, axis=1)
        return n

    def add(self, blocks: ArrayLike, values: ArrayLike) -> None:
        """Count values, each in its block (both of shape (n,)). Raises `ValueError` if a value is negative or NaN."""
        rows, flat = np.asarray(blocks, np.int64), np.asarray(values, float)
        if not (flat >= 0).all():
            raise ValueError("a histogram counts numbers from 0; one of these is negative or NaN")
        with np.errstate(divide="ignore"):  # the logarithm of zero is -inf
            numbers = np.ceil(np.log(flat) / _LOG_GAMMA)
        columns = (np.clip(numbers, _LOWEST, _HIGHEST) - _LOWEST + _FIRST).astype(np.int64)
        columns[flat == 0] = _ZERO
        columns[np.isinf(flat)] = _INFINITE
        np.add.at(self._counts.reshape(-1), rows * self._counts.shape[1] + columns, 1)
        for i, limit in enumerate(self.limits):
            self._over[i] += np.bincount(rows[flat > limit], minlength=len(self._counts))

    def merge(self, other: BlockHistogram) -> BlockHistogram:
        """A new one with the values of both. Raises `ValueError` if their blocks or limits differ."""
        if self.limits != other.limits or self._counts.shape != other._counts.shape:
            raise ValueError("histograms with other blocks or limits cannot be added")
        merged = BlockHistogram(len(self._counts), self.limits)
        merged._counts = self._counts + other._counts
        merged._over = self._over + other._over
        return merged

    def count_over(self, limit: float) -> CountByBlock:
        """The exact number of values over a limit in every block. Raises `ValueError` for one that is not counted."""
        if limit not in self.limits:
            raise ValueError(f"{limit!r} is not counted here; counted limits: {list(self.limits)}")
        over: CountByBlock = self._over[self.limits.index(limit)]
        return over

    def count_above_bucket(self, value: float) -> CountByBlock:
        """How many values of every block lie in buckets above that of this value."""
        if math.isinf(value):
            return np.zeros(len(self._counts), np.int64)
        number = math.ceil(math.log(value) / _LOG_GAMMA) if value > 0 else _LOWEST - 1
        column = min(max(number, _LOWEST - 1), _HIGHEST) - _LOWEST + _FIRST
        above: CountByBlock = np.sum(self._counts[:, column + 1 :], axis=1)
        return above

    def compute_log_quantiles(self, parts: int, q: float) -> tuple[float, NDArray[np.float64]]:
        """The logarithm of a quantile: of all values, and without each of `parts` runs of blocks, shape (parts,).

        Values count as spread evenly over their bucket, so that a quantile moves when one value leaves. The logarithm
        is infinite among infinite values, and that of the lowest bucket among zeros. Raises `ValueError` where nothing
        is left.
        """
        by_part = self._counts.reshape(parts, -1, self._counts.shape[1]).sum(axis=1)
        total = by_part.sum(axis=0)
        return self._find_log_quantile(total, q), np.array([self._find_log_quantile(total - one, q) for one in by_part])

    def _find_log_quantile(self, counts: CountByBlock, q: float) -> float:
        cumulated = np.cumsum(counts)
        n = int(cumulated[-1])
        if not n:
            raise ValueError("an empty histogram has no quantile")
        rank = max(1, math.ceil(q * n - 1e-9))
        column = int(np.searchsorted(cumulated, rank))
        if column == _INFINITE:
            return math.inf
        within = (rank - (cumulated[column] - counts[column]) - 0.5) / counts[column]
        return float((max(column, _FIRST) - _FIRST + _LOWEST - 1 + within) * _LOG_GAMMA)

    def get_block(self, block: int) -> Histogram:
        """The histogram of one block."""
        return self._make_histogram(self._counts[block], self._over[:, block])

    def total(self) -> Histogram:
        """The histogram of all blocks together."""
        return self._make_histogram(self._counts.sum(axis=0), self._over.sum(axis=1))

    def to_sparse(self) -> dict[str, dict[str, int]]:
        """A form for messages: the blocks that are not empty, each as `Histogram.to_sparse`, and one that names the
        number of blocks and the limits.
        """
        sparse = {"blocks": {"n": len(self._counts), **{f"over {limit!r}": 0 for limit in self.limits}}}
        return sparse | {str(i): self.get_block(int(i)).to_sparse() for i in np.flatnonzero(self.n)}

    @classmethod
    def from_sparse(cls, sparse: Mapping[str, Mapping[str, int]]) -> BlockHistogram:
        """What `to_sparse` wrote. Raises `ValueError` for anything else."""
        form = dict(sparse.get("blocks", {}))
        blocks = form.pop("n", 0)
        if not 0 < blocks <= 10_000:
            raise ValueError(f"{blocks!r} is not a valid number of blocks")
        histogram = cls(blocks, [float(name.removeprefix("over ")) for name in form])
        for name, content in sparse.items():
            if name == "blocks":
                continue
            if not (name.isdecimal() and int(name) < blocks):
                raise ValueError(f"{name!r} is not a block of {blocks}")
            part = Histogram.from_sparse(content)
            for number, count in part.buckets():
                histogram._counts[int(name), _find_column(number)] += count
            for i, limit in enumerate(histogram.limits):
                histogram._over[i, int(name)] = part.count_over(limit)
        return histogram

    def _make_histogram(self, counts: CountByBlock, over: CountByBlock) -> Histogram:
        filled = np.flatnonzero(counts)
        buckets = {_find_number(int(column)): int(counts[column]) for column in filled}
        return Histogram.from_counts(buckets, dict(zip(self.limits, over.tolist(), strict=True)))


def _find_number(column: int) -> float:
    """The bucket's number in `Histogram`."""
    if column == _ZERO:
        return -math.inf
    return math.inf if column == _INFINITE else column + _LOWEST - _FIRST


def _find_column(number: float) -> int:
    if math.isinf(number):
        return _INFINITE if number > 0 else _ZERO
    return int(min(max(number, _LOWEST), _HIGHEST)) - _LOWEST + _FIRST
