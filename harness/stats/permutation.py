"""Whether values are larger where something was done at random: an exact permutation test.

Tested in tests/chaos/test_link_use.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def compute_rank_sum_p(values: ArrayLike, chosen: Sequence[bool]) -> float:
    """P(a rank sum of the chosen values at least this large), over all choices of as many; ties share their rank.

    It is exact when the choice was drawn at random, independently of what else moves the values. For at most some 20
    values.
    """
    _, places, counts = np.unique(np.asarray(values, dtype=float), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    observed = ranks[np.asarray(chosen, dtype=bool)].sum()
    return float((ranks[_list_choices(len(ranks), sum(chosen))].sum(axis=1) >= observed - 1e-9).mean())


@lru_cache(maxsize=4)
def _list_choices(n: int, size: int) -> NDArray[np.int64]:
    return np.array(list(combinations(range(n), size)))
