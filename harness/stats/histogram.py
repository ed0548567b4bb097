"""Histogram: counts in buckets of equal ratio; histograms of seconds, workers and machines can be added up."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import accumulate

import numpy as np
from numpy.typing import ArrayLike

GAMMA = 1.02
"""Ratio of the two edges of a bucket: a quantile is accurate within 1 %."""

_LOG_GAMMA = math.log(GAMMA)
_BUCKET_NUMBERS = {"zero": -math.inf, "inf": math.inf}
"""The numbers of the buckets for zeros and for infinite values, which are the logarithms of these values."""
_BUCKET_NAMES = {number: name for name, number in _BUCKET_NUMBERS.items()}
_OVER = "over "


class Histogram:
    """Counts of non-negative values; bucket i holds those in (1.02^(i-1), 1.02^i].

    Zero and infinity (the time of a request that never ended) have buckets of their own. The values over each of
    `limits` are counted exactly (`count_over`), independently of the edges of the buckets: verdicts use these counts,
    charts use the buckets. Negative values and NaN raise `ValueError` before anything is counted.
    """

    def __init__(self, limits: Iterable[float] = ()) -> None:
        self._buckets: Counter[float] = Counter()
        self._over = {float(limit): 0 for limit in sorted(limits)}
        if not all(0 <= limit < math.inf for limit in self._over):
            raise ValueError(f"limits must be finite and not negative: {list(self._over)}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Histogram):
            return NotImplemented
        return self.to_sparse() == other.to_sparse()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Histogram(n={self.n}, limits={list(self._over)})"

    @classmethod
    def from_counts(cls, buckets: Mapping[float, int], over: Mapping[float, int]) -> Histogram:
        """The histogram with these counts by bucket number (minus infinity: zeros) and over these limits."""
        histogram = cls(over)
        histogram._buckets.update(buckets)
        histogram._over.update(over)
        return histogram

    @property
    def n(self) -> int:
        """How many values were counted, including zeros and infinite ones."""
        return self._buckets.total()

    @property
    def infinite_count(self) -> int:
        """How many infinite values were counted."""
        return self._buckets[math.inf]

    def add(self, values: ArrayLike) -> None:
        """Count one value, or an array of any shape; raise `ValueError` and count none if one is negative or NaN."""
        flat = np.asarray(values, dtype=float).ravel()
        if not (flat >= 0).all():
            raise ValueError("a histogram counts numbers from 0; one of these is negative or NaN")
        with np.errstate(divide="ignore"):  # the logarithm of zero is the number of the bucket for zeros
            numbers, counts = np.unique(np.ceil(np.log(flat) / _LOG_GAMMA), return_counts=True)
        self._buckets.update(dict(zip(numbers.tolist(), counts.tolist(), strict=True)))
        for limit in self._over:
            self._over[limit] += int((flat > limit).sum())

    def buckets(self) -> list[tuple[float, int]]:
        """The bucket numbers, with their counts, in order: minus infinity for zeros, infinity for infinite values."""
        return sorted(self._buckets.items())

    def merge(self, other: Histogram) -> Histogram:
        """A new histogram with the values of both. Raises `ValueError` if they count different limits."""
        if self._over.keys() != other._over.keys():
            raise ValueError(f"cannot merge counts over {list(self._over)} with counts over {list(other._over)}")
        merged = Histogram()
        merged._buckets = self._buckets + other._buckets
        merged._over = {limit: count + other._over[limit] for limit, count in self._over.items()}
        return merged

    def count_over(self, limit: float) -> int:
        """The exact number of values above `limit`. Raises `ValueError` for a limit that was not given at the start."""
        if limit not in self._over:
            raise ValueError(f"{limit!r} is not counted here; counted limits: {list(self._over)}")
        return self._over[limit]

    def quantile(self, q: float) -> float:
        """The value at rank ceil(q n), within 1 %; it may be inf. Raises `ValueError` if the histogram is empty."""
        if not 0 <= q <= 1:
            raise ValueError(f"quantile {q!r} must lie in [0, 1]")
        if not self.n:
            raise ValueError("an empty histogram has no quantile")
        rank = max(1, math.ceil(q * self.n - 1e-9))
        ordered = sorted(self._buckets.items())
        number = ordered[bisect_left(list(accumulate(count for _, count in ordered)), rank)][0]
        low, high = math.pow(GAMMA, number - 1), math.pow(GAMMA, number)
        return low if low in (0, math.inf) else 2 * low * high / (low + high)

    def to_dense(self) -> tuple[list[float], list[int]]:
        """Edges and counts for a chart: `counts[i]` values lie in (edges[i], edges[i+1]]; one edge more than counts.

        Zeros are counted in the lowest bucket, which then starts at 0. Infinite values are left out (see
        `infinite_count`).
        """
        finite = [int(number) for number in self._buckets if math.isfinite(number)]
        zeros = self._buckets[-math.inf]
        if not finite:
            return ([0.0, 0.0], [zeros]) if zeros else ([], [])
        low, high = min(finite), max(finite)
        edges = [GAMMA**number for number in range(low - 1, high + 1)]
        counts = [self._buckets[number] for number in range(low, high + 1)]
        if zeros:
            edges[0] = 0.0
            counts[0] += zeros
        return edges, counts

    def to_sparse(self) -> dict[str, int]:
        """A form for JSON: the keys are bucket numbers, `zero`, `inf` and `over LIMIT`; empty buckets are left out."""
        sparse = {_BUCKET_NAMES.get(i) or str(int(i)): count for i, count in sorted(self._buckets.items())}
        return sparse | {f"{_OVER}{limit!r}": count for limit, count in self._over.items()}

    @classmethod
    def from_sparse(cls, sparse: Mapping[str, int]) -> Histogram:
        """The histogram that `to_sparse` wrote. Raises `ValueError` for anything else."""
        histogram = cls(float(key.removeprefix(_OVER)) for key in sparse if key.startswith(_OVER))
        for key, count in sparse.items():
            if count < 0 or count != int(count):
                raise ValueError(f"bucket {key!r} holds {count!r}, which is not a valid count")
            if key.startswith(_OVER):
                histogram._over[float(key.removeprefix(_OVER))] = int(count)
            elif count:
                number = _BUCKET_NUMBERS.get(key)
                histogram._buckets[int(key) if number is None else number] = int(count)
        if any(count > histogram.n for count in histogram._over.values()):
            raise ValueError("more values are over a limit than were counted")
        return histogram
