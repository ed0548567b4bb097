"""Adjusted p-values for families of tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Holm's (1979) adjusted p-values, shape (m,) as given: rejecting those <= alpha keeps any false one under alpha.

    Raises `ValueError`.
    """
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")
    factors = np.arange(len(p), 0, -1)
    return _restore(np.maximum.accumulate(p[order] * factors), order)


def benjamini_hochberg(p_values: ArrayLike) -> NDArray[np.float64]:
    """Benjamini & Hochberg's (1995) adjusted p-values, shape (m,) as given: those <= q have a false share of q.

    For drift families, within the one check that owns them. Raises `ValueError`.
    """
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    return _restore(np.minimum.accumulate(scaled[::-1])[::-1], order)


def _checked(p_values: ArrayLike) -> NDArray[np.float64]:
    p = np.asarray(p_values, dtype=float)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise ValueError("p-values must be a flat sequence of numbers in [0, 1]; one that is missing is no p-value")
    return p


def _restore(adjusted: NDArray[np.float64], order: NDArray[np.intp]) -> NDArray[np.float64]:
    out = np.empty_like(adjusted)
    out[order] = np.minimum(adjusted, 1.0)
    return out
