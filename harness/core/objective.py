"""Objective: a service-level objective as the configuration writes it, and the profiles that judge it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from harness.core.errors import UsageError
from harness.core.plan import slug
from harness.core.verdict import ALPHA, Level

_UNITS = {"ms": ("s", 1e-3), "s": ("s", 1.0), "us": ("s", 1e-6), "%": ("", 1e-2), "": ("", 1.0)}
_LIMIT = re.compile(r"^\s*(<=|>=|<|>)\s*([0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|\.[0-9]+)\s*([a-z%]*)\s*$")
_METRIC = re.compile(r"^\s*([a-z][a-z0-9_]*)(?:\s+p([0-9]{1,2}(?:\.[0-9]+)?))?\s*$")

LATENCY_METRICS = ("latency", "ttft", "inter_token")
"""Judged as the share over the limit (DESIGN 6.4)."""
SHARE_METRICS = ("accuracy", "robust_accuracy")
"""Judged as a rate of wrong items: at least `limit` of them must be right."""
METRICS = {
    "smoke": ("latency", "ttft", "error_rate"),
    "load": ("latency", "ttft", "inter_token", "error_rate"),
    "validation": ("accuracy",),
    "adversarial": ("robust_accuracy",),
    "chaos": ("latency", "error_rate", "recovery"),
}
"""What each suite can judge. Under load a latency counts from the schedule; in chaos latency and error rate are
those of the requests meant to be sent while the fault was on, and recovery is the seconds from its lift to the steady
state."""


@dataclass(frozen=True, slots=True)
class Profile:
    """How hard an objective is judged.

    `quantile` applies where a latency metric names none; `tolerance` multiplies the budget (1: none); `cap` is the
    largest number of requests; `points` and `items` are the tolerance and size for accuracy-like metrics.
    """

    name: str
    quantile: float
    tolerance: float
    cap: int
    points: float = 0.02
    items: int = 1000
    alpha: float = ALPHA


PROFILES = {
    "pr": Profile("pr", quantile=0.95, tolerance=2.0, cap=500),
    "release": Profile("release", quantile=0.99, tolerance=2.0, cap=1600),
    "strict": Profile("strict", quantile=0.99, tolerance=1.0, cap=3000),
}
"""The shipped profiles (DESIGN 6.3); `[profile.NAME]` overrides and adds."""


@dataclass(frozen=True, slots=True)
class Objective:
    """A metric and a bound: `ttft p99 <= 0.8`.

    A latency percentile is judged as a rate (DESIGN 6.4): the share of intended requests over `limit` seconds against
    the `budget` 1 - quantile; an accuracy as the share of wrong items against 1 - limit; a rate against `limit`
    itself. `loosened` is the budget with its tolerance; both are 0 for `recovery`, which is no rate. `slice` names the
    part of the data that is judged alone.
    """

    suite: str
    metric: str
    quantile: float | None
    direction: str
    limit: float
    unit: str
    budget: float
    loosened: float
    cap: int
    alpha: float = ALPHA
    level: Level = Level.BLOCKER
    name: str = ""
    slice: str | None = None

    @property
    def slug(self) -> str:
        """The parameter id of this objective's check: stable, made of its own words."""
        tail = "" if self.quantile is None else f"-p{self.quantile * 100:g}"
        part = "" if self.slice is None else f"-{slug(self.slice)}"
        return slug(self.name) or f"{self.metric}{tail}{part}"

    @property
    def text(self) -> str:
        """The objective as a line: `ttft p99 <= 800 ms`."""
        quantile = "" if self.quantile is None else f" p{self.quantile * 100:g}"
        shown = f"{self.limit * 100:g} %"
        if self.unit == "s":
            shown = f"{self.limit:g} s" if self.limit >= 1 else f"{self.limit * 1e3:g} ms"
        part = "" if self.slice is None else f" of slice {self.slice!r}"
        return f"{self.metric}{quantile}{part} {self.direction} {shown}"


def parse_limit(text: str) -> tuple[str, float, str]:
    """`<= 800ms` as (direction, 0.8, "s"). Raises `UsageError`."""
    match = _LIMIT.match(text)
    value = float(match[2]) if match else math.inf
    if not match or match[3] not in _UNITS or not math.isfinite(value):
        units = ", ".join(unit for unit in _UNITS if unit)
        raise UsageError(f"limit {text!r} cannot be read; write like '<= 800ms', '<= 1%' or '>= 0.9' (units: {units})")
    unit, factor = _UNITS[match[3]]
    direction = "<=" if match[1].startswith("<") else ">="
    return direction, value * factor, unit


def parse_metric(text: str) -> tuple[str, float | None]:
    """`ttft p99` as ("ttft", 0.99). Raises `UsageError`."""
    match = _METRIC.match(text)
    if not match:
        raise UsageError(f"metric {text!r} cannot be read; write like 'latency p95', 'ttft p99' or 'error_rate'")
    quantile = None if match[2] is None else float(match[2]) / 100
    if quantile is not None and not 0 < quantile < 1:
        raise UsageError(f"metric {text!r}: the percentile must lie between p0 and p100, both excluded")
    return match[1], quantile


def parse_objective(
    suite: str,
    metric: str,
    limit: str,
    profile: Profile,
    *,
    level: str = "blocker",
    confidence: float | None = None,
    margin: float | None = None,
    name: str = "",
    slice: str | None = None,
) -> Objective:
    """The objective that the configuration's words describe.

    `margin` overrides the profile's tolerance: the factor on the budget, or the points of an accuracy. `confidence` is
    per side. Raises `UsageError` for a bound that could never be judged.
    """
    kind, quantile = parse_metric(metric)
    direction, value, unit = parse_limit(limit)
    known = METRICS.get(suite, ())
    if kind not in known:
        places = ", ".join(f"{name}: {' '.join(metrics)}" for name, metrics in METRICS.items())
        raise UsageError(f"metric {kind!r} cannot be judged in suite {suite!r}; what each suite can judge: {places}")
    if level not in tuple(Level):
        raise UsageError(f"level {level!r} is not one of {', '.join(Level)}")
    alpha = profile.alpha if confidence is None else 1 - confidence
    if not 0 < alpha <= 0.5:
        raise UsageError(f"confidence {confidence!r} must lie in [0.5, 1)")
    if quantile is not None and kind not in LATENCY_METRICS:
        raise UsageError(f"metric {metric!r}: {kind} takes no percentile")
    if slice is not None and kind not in SHARE_METRICS:
        raise UsageError(f"metric {metric!r}: {kind} takes no slice")
    if kind in LATENCY_METRICS and quantile is None:
        quantile = profile.quantile
    _check_limit(kind, limit, direction, value, unit)
    budget, loosened = _budget(kind, quantile, value, profile, margin)
    if loosened >= 1:
        margins = f"under {1 - budget:.3g}" if kind in SHARE_METRICS else f"from 1 to under {1 / budget:.3g}"
        raise UsageError(
            f"objective '{metric} {limit}': a budget of {budget * 100:g} % with its tolerance lets every request break "
            f"the limit. Give a margin {margins}, or a stricter bound"
        )
    cap = profile.items if kind in SHARE_METRICS else profile.cap
    return Objective(
        suite, kind, quantile, direction, value, unit, budget, loosened, cap, alpha, Level(level), name, slice
    )


def _check_limit(kind: str, limit: str, direction: str, value: float, unit: str) -> None:
    """Refuse a bound that does not fit its metric."""
    if kind in LATENCY_METRICS or kind == "recovery":
        if direction != "<=" or unit != "s" or value <= 0:
            raise UsageError(f"limit {limit!r}: {kind} takes an upper bound in time, like '<= 800ms'")
    elif kind in SHARE_METRICS:
        if direction != ">=" or unit == "s" or not 0 < value < 1:
            raise UsageError(f"limit {limit!r}: {kind} takes a lower bound between 0 and 1, like '>= 0.9' or '>= 90%'")
    elif direction != "<=" or unit == "s" or not 0 < value < 1:
        raise UsageError(f"limit {limit!r}: {kind} takes an upper bound between 0 and 1, like '<= 1%'")


def _budget(
    kind: str, quantile: float | None, value: float, profile: Profile, margin: float | None
) -> tuple[float, float]:
    """The share of requests or items that may break the limit, and the same with its tolerance."""
    if kind == "recovery":
        return 0.0, 0.0
    if kind in SHARE_METRICS:
        points = profile.points if margin is None else margin
        if not 0 <= points < 1:
            raise UsageError(f"margin {margin!r}: the tolerance of {kind} is in points and must lie in [0, 1)")
        return round(1 - value, 12), round(1 - value + points, 12)
    tolerance = profile.tolerance if margin is None else margin
    if not 1 <= tolerance < math.inf:
        raise UsageError(f"margin {margin!r} is a factor on the budget and must be at least 1")
    budget = value if quantile is None else 1 - quantile
    return round(budget, 12), round(budget * tolerance, 12)
