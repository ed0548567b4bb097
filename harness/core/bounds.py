"""Bounds of settings, as annotations: the configuration refuses values outside of them and names the line.

Tested in tests/config/test_config_errors.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, TypeVar

_N = TypeVar("_N", int, float)


@dataclass(frozen=True, slots=True)
class Bound:
    """Numbers from `low` to under `high`; in `words`, as in "must be ..., got 2".

    `excludes_low`: over `low`. `includes_high`: `high` itself is allowed.
    """

    words: str
    low: float = 0.0
    high: float = math.inf
    excludes_low: bool = False
    includes_high: bool = False

    def allows(self, value: float) -> bool:
        """Whether the number lies within the bound."""
        is_low_enough = value < self.high or (self.includes_high and value == self.high)
        return is_low_enough and (value > self.low or (value == self.low and not self.excludes_low))


OverZero = Annotated[_N, Bound("over 0", excludes_low=True)]
"""A finite number over 0."""

NotNegative = Annotated[_N, Bound("0 or more")]
"""A finite number from 0."""

ShareUnderOne = Annotated[float, Bound("a share from 0 to under 1, like 0.05", high=1)]
"""A share that is never the whole."""

ShareOverZero = Annotated[
    float, Bound("over 0 and at most 1, a share of connections", high=1, excludes_low=True, includes_high=True)
]
"""A share of connections that is never none."""

WithinOne = Annotated[float, Bound("a share over 0 and under 1, like 0.02", high=1, excludes_low=True)]
"""A share that is neither none nor the whole."""

ShareMargin = Annotated[
    float, Bound("a difference of shares over 0 and under 0.5, like 0.1", high=0.5, excludes_low=True)
]
"""By how much two shares may differ."""

MOST_REQUESTS = 1_000_000
"""Requests of one load above which a typing error is more likely than a wish."""

MOST_SOAKED = 1_000_000_000
"""The same of a soak, which lasts for days."""
