"""How often a healthy soak is called changed, and how large a change is found: simulated at the sizes that ship.

For each dependence of the noise and each number of windows: the share of series without a change whose lower bound is
over zero (at 5 %, the worst case, because verdicts tolerate some change), and the change, in spreads of a window, that
is found with a probability of 80 %. Noise beyond the model (skewed, moving averages, AR(2)) is simulated too.
Exit status 1 if a share is over 5 % at 99 %.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from harness.stats.change import estimate_change
from harness.stats.intervals import clopper_pearson_lower

Rows = NDArray[np.float64]
_WARM = 100


def _make_ar(*coefficients: float, skewed: bool = False) -> Callable[[np.random.Generator, int, int], Rows]:
    def make(random: np.random.Generator, rows: int, length: int) -> Rows:
        shape = (rows, length + _WARM)
        noise = random.standard_exponential(shape) - 1 if skewed else random.standard_normal(shape)
        for i in range(len(coefficients), noise.shape[1]):
            for lag, coefficient in enumerate(coefficients, 1):
                noise[:, i] += coefficient * noise[:, i - lag]
        return _scale(noise[:, _WARM:])

    return make


def _make_moving_average(random: np.random.Generator, rows: int, length: int) -> Rows:
    noise = random.standard_normal((rows, length + 1))
    return _scale(noise[:, 1:] + 0.8 * noise[:, :-1])


def _scale(noise: Rows) -> Rows:
    """The noise with a spread of 1."""
    scaled: Rows = noise / float(noise.std())
    return scaled


NOISES = {
    "independent": _make_ar(),
    "independent, skewed": _make_ar(skewed=True),
    **{f"AR(1) {phi:g}": _make_ar(phi) for phi in (0.3, 0.6, 0.8, 0.9, 0.95)},
    "AR(1) 0.6, skewed": _make_ar(0.6, skewed=True),
    "AR(2) 0.5, 0.3": _make_ar(0.5, 0.3),
    "moving average 0.8": _make_moving_average,
}


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak_errors", description=__doc__)
    parser.add_argument("--series", type=int, default=2000, help="series of each kind (default 2000)")
    options = parser.parse_args()
    worst = 0.0
    print(f"{'noise':<22}{'windows':>8}{'false alarms':>14}{'found at 80 %':>16}")
    for name, make in NOISES.items():
        for length in (16, 30, 60):
            rows = make(np.random.default_rng(7), options.series, length)
            alarms = sum(estimate_change(row).low > 0 for row in rows)
            worst = max(worst, clopper_pearson_lower(alarms, options.series, 0.01))
            size = _find_power(rows[:200])
            print(f"{name:<22}{length:>8}{alarms / options.series:>14.2%}{size:>16}", flush=True)
    print(f"the largest share of false alarms is at least {worst:.2%}, at 99 %")
    return int(worst > 0.05)


def _find_power(rows: Rows) -> str:
    """The smallest trend over the whole series, in spreads of a window, that 80 % of the series show."""
    trend = np.linspace(0, 1, rows.shape[1])
    for size in (1, 1.5, 2, 3, 4, 6, 8, 12, 16):
        if np.mean([estimate_change(row + size * trend).low > 0 for row in rows]) >= 0.8:
            return f"{size:g}"
    return "over 16"


if __name__ == "__main__":
    sys.exit(main())
