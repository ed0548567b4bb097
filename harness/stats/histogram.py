"""Histogram: counts in buckets of equal ratio, which add up across seconds, workers and machines."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import accumulate

import numpy as np
from numpy.typing import ArrayLike

GAMMA = 1.02
"""Ratio of a bucket's edges: a quantile is read within 1 %."""

_LOG_GAMMA = math.log(GAMMA)
_NAMED = {"zero": -math.inf, "inf": math.inf}
"""Numbers of the buckets that hold zeros and what never ended: the logarithm's own."""
_OVER = "over "


class Histogram:
    """Counts of non-negative values; bucket i holds those in (1.02^(i-1), 1.02^i].

    Zero has a bucket of its own, and so has infinity, the time of what never ended. `limits` are counted exactly
    (`count_over`), whatever the buckets' edges: a verdict takes its counts there, a picture takes the buckets.
    Negative values and NaN are refused with `ValueError`, before anything is counted.
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

    @property
    def n(self) -> int:
        """Values counted, zeros and infinite ones included."""
        return self._buckets.total()

    @property
    def infinite(self) -> int:
        """Infinite values counted."""
        return self._buckets[math.inf]

    def add(self, values: ArrayLike) -> None:
        """Count one value, or an array of any shape. Raises `ValueError` for a negative one or NaN, counting none."""
        flat = np.asarray(values, dtype=float).ravel()
        if not (flat >= 0).all():
            raise ValueError("a histogram counts non-negative numbers; one is negative or NaN")
        with np.errstate(divide="ignore"):  # the logarithm of zero is the number of its bucket
            found, counts = np.unique(np.ceil(np.log(flat) / _LOG_GAMMA), return_counts=True)
        self._buckets.update(dict(zip(found.tolist(), counts.tolist(), strict=True)))
        for limit in self._over:
            self._over[limit] += int((flat > limit).sum())

    def merge(self, other: Histogram) -> Histogram:
        """A new histogram of both; neither changes. Raises `ValueError` where they count different limits."""
        if self._over.keys() != other._over.keys():
            raise ValueError(f"cannot merge counts over {list(self._over)} with counts over {list(other._over)}")
        out = Histogram()
        out._buckets = self._buckets + other._buckets
        out._over = {limit: count + other._over[limit] for limit, count in self._over.items()}
        return out

    def count_over(self, limit: float) -> int:
        """How many values were above `limit`, exactly. Raises `ValueError` for one not given at the start."""
        if limit not in self._over:
            raise ValueError(f"{limit!r} is not counted here; counted limits: {list(self._over)}")
        return self._over[limit]

    def quantile(self, q: float) -> float:
        """The value at rank ceil(q n), within 1 %; inf where it never ended. Raises `ValueError` when empty."""
        if not 0 <= q <= 1:
            raise ValueError(f"quantile {q!r} must lie in [0, 1]")
        if not self.n:
            raise ValueError("an empty histogram has no quantile")
        rank = max(1, math.ceil(q * self.n - 1e-9))
        ordered = sorted(self._buckets.items())
        i = ordered[bisect_left(list(accumulate(count for _, count in ordered)), rank)][0]
        low, high = math.pow(GAMMA, i - 1), math.pow(GAMMA, i)
        return low if low in (0, math.inf) else 2 * low * high / (low + high)

    def dense(self) -> tuple[list[float], list[int]]:
        """Edges and counts for drawing: `counts[i]` values lie in (edges[i], edges[i+1]]; one edge more than counts.

        Zeros are drawn in the lowest bucket, which then reaches down to 0; infinite values are left out (`infinite`).
        """
        finite, zeros = [int(i) for i in self._buckets if math.isfinite(i)], self._buckets[-math.inf]
        if not finite:
            return ([0.0, 0.0], [zeros]) if zeros else ([], [])
        low, high = min(finite), max(finite)
        edges = [GAMMA**i for i in range(low - 1, high + 1)]
        counts = [self._buckets[i] for i in range(low, high + 1)]
        if zeros:
            edges[0] = 0.0
            counts[0] += zeros
        return edges, counts

    def to_sparse(self) -> dict[str, int]:
        """A JSON-able form: bucket numbers, `zero`, `inf` and `over LIMIT` as keys; empty buckets are left out."""
        names = {number: name for name, number in _NAMED.items()}
        out = {names.get(i) or str(int(i)): count for i, count in sorted(self._buckets.items())}
        return out | {f"{_OVER}{limit!r}": count for limit, count in self._over.items()}

    @classmethod
    def from_sparse(cls, sparse: Mapping[str, int]) -> Histogram:
        """The histogram that `to_sparse` wrote. Raises `ValueError` for anything else."""
        out = cls(float(key.removeprefix(_OVER)) for key in sparse if key.startswith(_OVER))
        for key, count in sparse.items():
            if count < 0 or count != int(count):
                raise ValueError(f"bucket {key!r} holds {count!r}, which is no count")
            if key.startswith(_OVER):
                out._over[float(key.removeprefix(_OVER))] = int(count)
            elif count:
                out._buckets[_NAMED[key] if key in _NAMED else int(key)] = int(count)
        if any(count > out.n for count in out._over.values()):
            raise ValueError("more values are over a limit than were counted")
        return out
