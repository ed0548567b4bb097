"""Histogram: counts in buckets of equal ratio, which add up across seconds, workers and machines."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import ArrayLike

GAMMA = 1.02
"""Ratio of a bucket's edges: a quantile is read within 1 %."""

_LOG_GAMMA = math.log(GAMMA)
_ZERO, _OVERFLOW, _OVER = "zero", "inf", "over "


class Histogram:
    """Counts of non-negative values; bucket i holds those in (1.02^(i-1), 1.02^i].

    Zero has a bucket of its own, and so has infinity, the time of what never ended. `limits` are counted exactly
    (`count_over`), whatever the buckets' edges: a verdict takes its counts there, a picture takes the buckets.
    Negative values and NaN are refused with `ValueError`, before anything is counted.
    """

    def __init__(self, limits: Iterable[float] = ()) -> None:
        self._buckets: Counter[int] = Counter()
        self._zeros = 0
        self._infinite = 0
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
        return self._zeros + self._buckets.total() + self._infinite

    @property
    def infinite(self) -> int:
        """Infinite values counted."""
        return self._infinite

    def add(self, values: ArrayLike) -> None:
        """Count one value, or an array of any shape. Raises `ValueError` for a negative one or NaN, counting none."""
        flat = np.asarray(values, dtype=float).ravel()
        if not (flat >= 0).all():
            raise ValueError("a histogram counts non-negative numbers; one is negative or NaN")
        inner = flat[(flat > 0) & np.isfinite(flat)]
        self._zeros += int((flat == 0).sum())
        self._infinite += int(np.isinf(flat).sum())
        found, counts = np.unique(np.ceil(np.log(inner) / _LOG_GAMMA).astype(int), return_counts=True)
        self._buckets.update(dict(zip(found.tolist(), counts.tolist(), strict=True)))
        for limit in self._over:
            self._over[limit] += int((flat > limit).sum())

    def merge(self, other: Histogram) -> Histogram:
        """A new histogram of both; neither changes. Raises `ValueError` where they count different limits."""
        if self._over.keys() != other._over.keys():
            raise ValueError(f"cannot merge counts over {list(self._over)} with counts over {list(other._over)}")
        out = Histogram()
        out._buckets = self._buckets + other._buckets
        out._zeros = self._zeros + other._zeros
        out._infinite = self._infinite + other._infinite
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
        low, high = self._edges_at(max(1, math.ceil(q * self.n - 1e-9)))
        return low if low in (0, math.inf) else 2 * low * high / (low + high)

    def dense(self) -> tuple[list[float], list[int]]:
        """Edges and counts for drawing: `counts[i]` values lie in (edges[i], edges[i+1]]; one edge more than counts.

        Zeros are drawn in the lowest bucket, which then reaches down to 0; infinite values are left out (`infinite`).
        """
        if not self._buckets:
            return ([0.0, 0.0], [self._zeros]) if self._zeros else ([], [])
        low, high = min(self._buckets), max(self._buckets)
        edges = [GAMMA**i for i in range(low - 1, high + 1)]
        counts = [self._buckets[i] for i in range(low, high + 1)]
        if self._zeros:
            edges[0] = 0.0
            counts[0] += self._zeros
        return edges, counts

    def to_sparse(self) -> dict[str, int]:
        """A JSON-able form: bucket numbers, `zero`, `inf` and `over LIMIT` as keys; empty buckets are left out."""
        out = {str(i): count for i, count in sorted(self._buckets.items()) if count}
        out |= {name: count for name, count in ((_ZERO, self._zeros), (_OVERFLOW, self._infinite)) if count}
        return out | {f"{_OVER}{limit!r}": count for limit, count in self._over.items()}

    @classmethod
    def from_sparse(cls, sparse: Mapping[str, int]) -> Histogram:
        """The histogram that `to_sparse` wrote. Raises `ValueError` for anything else."""
        out = cls(float(key.removeprefix(_OVER)) for key in sparse if key.startswith(_OVER))
        for key, count in sparse.items():
            if count < 0 or count != int(count):
                raise ValueError(f"bucket {key!r} holds {count!r}, which is no count")
            if key == _ZERO:
                out._zeros = int(count)
            elif key == _OVERFLOW:
                out._infinite = int(count)
            elif key.startswith(_OVER):
                out._over[float(key.removeprefix(_OVER))] = int(count)
            elif count:
                out._buckets[int(key)] = int(count)
        if any(count > out.n for count in out._over.values()):
            raise ValueError("more values are over a limit than were counted")
        return out

    def _edges_at(self, rank: int) -> tuple[float, float]:
        """The edges of the bucket that holds the value of that rank, counted from 1."""
        seen = self._zeros
        if rank <= seen:
            return 0.0, 0.0
        for i, count in sorted(self._buckets.items()):
            seen += count
            if rank <= seen:
                return GAMMA ** (i - 1), GAMMA**i
        return math.inf, math.inf
