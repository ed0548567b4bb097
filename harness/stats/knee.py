"""A model of the knee of a service, which guides a search for the capacity: the share over the limit at each rate.

Nothing is claimed of it: a search chooses the rates and lengths of its probes by it, and judges each by itself.

Tested in tests/stats/test_capacity.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

_SLOPE, _SLOPE_WEIGHT, _STEEPEST, _FLATTEST = 8.0, 0.05, 40.0, 1.5
"""The slope of log share over log rate before any load has shown one, its weight, and the bounds of it."""

_SATURATED, _NEAR, _SLACK = 0.5, 1.6, 1.15
"""The share from which on a load says little of the slope, the factor within which loads are near, and by which the
knee may lie outside of the rates between which it was located."""

_DISTANCES: list[float] = (0.01 * 1.12 ** np.arange(45)).tolist()
"""The distances from the knee that are tried, in the log of the rate: from 1 % to a factor of 4.3."""

_EFFECT_RANGE, _LEAST_SPREAD = 0.15, 0.5
"""The distance over which the effect of dependence is alike; what small counts cost, in normal quantiles."""


@dataclass(frozen=True, slots=True)
class KneePoint:
    """What one load has shown: `n` requests at `rate` requests/s, `share` of them over the limit of an objective with
    this budget. `effect` is how many of them tell as much as an independent one.
    """

    rate: float
    n: int
    share: float
    budget: float
    effect: float = 1.0


class KneeModel:
    """log(share / budget) as a straight line in the log of the rate, near the knee, where it is 0."""

    def __init__(self) -> None:
        self._loads: list[KneePoint] = []

    def add(self, load: KneePoint) -> None:
        """Take a load into account. Several loads of one rate may be added."""
        self._loads.append(load)

    def find_knee(self, under: float, over: float) -> float:
        """The rate at which the share is the budget, as near as is known; `under` and `over` are rates on its sides."""
        if not under:
            return over / 2
        if over == math.inf:
            return under
        place, _ = self._fit(math.sqrt(under * over))
        return min(max(place, under / _SLACK), over * _SLACK)

    def find_distance(self, aim: str, knee: float, seconds: float, alpha: float, power: float) -> float:
        """How far from the knee, in the log of the rate, a load of so many seconds is decided with this probability."""
        _, slope = self._fit(knee)
        normal = NormalDist()
        needed = -normal.inv_cdf(alpha) + normal.inv_cdf(power) + _LEAST_SPREAD
        sign = 1 if aim == "fail" else -1
        budget = self._loads[-1].budget
        for distance in _DISTANCES:
            rate = knee * math.exp(sign * distance)
            share = min(1.0, budget * math.exp(sign * slope * distance))
            n = rate * seconds / self._estimate_effect(rate)
            if 2 * math.sqrt(n) * abs(math.sqrt(share) - math.sqrt(budget)) >= needed:
                return distance
        return _DISTANCES[-1]

    def _fit(self, middle: float) -> tuple[float, float]:
        """The knee and the slope there, by weighted least squares over the loads near this rate."""
        near = [load for load in self._loads if abs(math.log(load.rate / middle)) < math.log(_NEAR)]
        telling = [load for load in near if load.share < _SATURATED] or near
        if not telling:
            return middle, _SLOPE
        rows = []
        for load in telling:
            count = load.share * load.n
            value = math.log((count + 0.5) / (load.n + 1) / load.budget)
            rows.append((math.log(load.rate / middle), value, (count + 0.5) / load.effect))
        x, y, weights = np.array(rows).T
        mean_x, mean_y = float(np.average(x, weights=weights)), float(np.average(y, weights=weights))
        spread = float(weights @ (x - mean_x) ** 2) + _SLOPE_WEIGHT
        slope = (float(weights @ ((x - mean_x) * (y - mean_y))) + _SLOPE * _SLOPE_WEIGHT) / spread
        slope = min(max(slope, _FLATTEST), _STEEPEST)
        return middle * math.exp(mean_x - mean_y / slope), slope

    def _estimate_effect(self, rate: float) -> float:
        """The effect of dependence at this rate: the mean of its logarithm over the loads, the near and long ones
        first."""
        weights, logs = [], []
        for load in self._loads:
            weights.append(load.n * math.exp(-abs(math.log(load.rate / rate)) / _EFFECT_RANGE) + 1e-9)
            logs.append(math.log(load.effect))
        return math.exp(float(np.average(logs, weights=weights)))
