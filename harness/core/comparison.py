"""Contrast: one metric of a candidate beside that of a baseline, measured in the same turns. Plain data for JSON.

Tested in tests/load/test_comparison.py.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Contrast:
    """One metric of both endpoints, over all requests that were due after the warm-up.

    `candidate` and `baseline` are the values, in `unit`; None where there is none (a quantile among failures). `n` and
    `baseline_n` count samples.

    A ratio is judged by `worse`, the logarithm of how many times worse the candidate is, and by `left_out`: the same
    without each pair of turns. `least_worse` and `least_left_out` are these without the time for which the load
    generator held requests up. A share is judged by `counts`: for each pair of turns the candidate's samples, those of
    them that failed or are bad, and the same two numbers of the baseline.
    """

    metric: str
    title: str
    unit: str
    quantile: float | None
    n: int
    baseline_n: int
    candidate: float | None
    baseline: float | None
    worse: float | None = None
    left_out: tuple[float, ...] = ()
    least_worse: float | None = None
    least_left_out: tuple[float, ...] = ()
    counts: tuple[tuple[int, int, int, int], ...] = ()

    @property
    def label(self) -> str:
        """`latency p90`."""
        return self.title if self.quantile is None else f"{self.title} p{self.quantile * 100:g}"
