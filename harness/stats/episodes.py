"""Episodes in a row of bins.

Tested in tests/load/test_slices.py.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MOST_EPISODES = 512
"""Episodes that are listed of one row."""


def list_episodes(is_marked: NDArray[np.bool_], is_known: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The beginnings and ends of runs of marked bins, both of shape (bins,); the first `MOST_EPISODES` of them.

    Bins of which nothing is known end no run, and nor does one single bin that is not marked.
    """
    known = np.flatnonzero(is_known)
    marked = np.flatnonzero(is_marked[known])
    if not len(marked):
        return []
    cuts = np.flatnonzero(np.diff(marked) > 2) + 1
    runs = np.split(marked, cuts)[:MOST_EPISODES]
    return [(int(known[run[0]]), int(known[run[-1]]) + 1) for run in runs]
