"""How far two samples of vectors are apart: the share of kernel similarity that is lost between them.

The maximum mean discrepancy (Gretton et al. 2012, JMLR 13:723) with a Gaussian kernel, whose width is the median
distance of two vectors, over the similarity within the samples: 0 where both are alike, 1 where no vector of one has a
neighbour in the other. Its bounds are those of the mean over blocks (Zaremba et al. 2013, NIPS), which is near a normal
distribution also where there is no drift; whether there is any at all, a permutation of the vectors shows.

Tested in tests/stats/test_kernel_distance.py.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from harness.stats.drift import Effect
from harness.stats.resampling import Values

FEWEST_VECTORS = 60
"""Of each sample; fewer make no blocks."""
_MOST_VECTORS, _PERMUTATIONS, _ROWS_IN_BLOCK = 1000, 500, 20


def measure_kernel_distance(reference: Values, current: Values, limit: float, alpha: float, seed: int) -> Effect:
    """The effect over at most 1,000 vectors of each, of the shapes (m, dimension) and (n, dimension).

    p is that of "at most the limit", and no less than that of "no drift at all".
    """
    generator = np.random.default_rng(seed)
    size = min(len(reference), len(current), _MOST_VECTORS)
    x, y = (part[generator.permutation(len(part))[:size]] for part in (reference, current))
    kernel = _compute_kernel(np.concatenate([x, y]))
    between, within = _sum_parts(kernel, np.repeat([1.0, -1.0], size)[None, :], size)
    estimate = 1 - float(between[0] / within[0])
    blocks = max(3, int(size / max(_ROWS_IN_BLOCK, math.sqrt(size))))
    width = size // blocks
    parts = np.array([_sum_block(kernel, size, start * width, width) for start in range(blocks)])
    ratio = parts[:, 0].sum() / parts[:, 1].sum()
    error = float(np.std(parts[:, 0] - ratio * parts[:, 1], ddof=1) / math.sqrt(blocks) / parts[:, 1].mean())
    # The error grows with the distance, and is too small where that is: the upper bound is twice as careful for it.
    low, high = (_find_student_quantile(share, blocks - 1) * error for share in (alpha, alpha / 2))
    distance = (1 - ratio - limit) / max(error, 1e-12)
    shrunk = distance * (1 - 1 / (4 * (blocks - 1))) / math.sqrt(1 + distance**2 / (2 * (blocks - 1)))
    p = max(1 - NormalDist().cdf(shrunk), _permute(kernel, size, estimate, generator))
    return Effect("mmd", estimate, max(0.0, float(1 - ratio - low)), min(1.0, float(1 - ratio + high)), p)


def _find_student_quantile(alpha: float, freedom: int) -> float:
    """To the first order."""
    z = NormalDist().inv_cdf(1 - alpha)
    return z + (z**3 + z) / (4 * freedom)


def _compute_kernel(vectors: Values) -> Values:
    squares = (vectors**2).sum(axis=1)
    distances = np.maximum(squares[:, None] + squares[None, :] - 2 * vectors @ vectors.T, 0.0)
    median = float(np.median(distances[np.triu_indices(len(vectors), 1)]))
    return np.asarray(np.exp(-distances / (median or 1.0)))


def _sum_parts(kernel: Values, signs: Values, size: int) -> tuple[Values, Values]:
    """The mean similarity between the samples and within them, for divisions `signs` (divisions, rows) of +1 and -1."""
    total = float(kernel.sum())
    squares = ((signs @ kernel) * signs).sum(axis=1)
    between = (total - squares) / 4
    within = (total - 2 * between - float(np.trace(kernel))) / (2 * size * (size - 1))
    return np.asarray(between / size**2), np.asarray(within)


def _sum_block(kernel: Values, size: int, start: int, width: int) -> tuple[float, float]:
    places = np.append(np.arange(start, start + width), np.arange(size + start, size + start + width))
    between, within = _sum_parts(kernel[np.ix_(places, places)], np.repeat([1.0, -1.0], width)[None, :], width)
    return float(between[0]), float(within[0])


def _permute(kernel: Values, size: int, estimate: float, generator: np.random.Generator) -> float:
    signs = np.array([generator.permutation(np.repeat([1.0, -1.0], size)) for _ in range(_PERMUTATIONS)])
    between, within = _sum_parts(kernel, signs, size)
    return float((1 + (1 - between / within >= estimate - 1e-12).sum()) / (1 + _PERMUTATIONS))
