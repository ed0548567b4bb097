"""Read an objective as the configuration writes it: `latency p95`, `<= 800ms`.

Tested in tests/core/test_objective.py.
"""

from __future__ import annotations

import difflib
import math
import re
from typing import TypedDict, Unpack

from harness.core.errors import UsageError
from harness.core.metric import ATTEMPTS, Metric
from harness.core.objective import Objective, Profile
from harness.core.registry import describe_unknown
from harness.core.suite_policy import find_policy
from harness.core.verdict import Level

_UNITS = {"ms": ("s", 1e-3), "s": ("s", 1.0), "us": ("s", 1e-6), "%": ("", 1e-2), "/s": ("/s", 1.0), "": ("", 1.0)}
_LIMIT = re.compile(r"^\s*(<=|>=|<|>)\s*([0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|\.[0-9]+)\s*([a-z%/]*)\s*$")
_METRIC = re.compile(r"^\s*([a-z][a-z0-9_]*)(?:\s+p([0-9]{1,2}(?:\.[0-9]+)?))?\s*$")


def parse_limit(text: str) -> tuple[str, float, str]:
    """`<= 800ms` as (direction, 0.8, "s"). Raises `UsageError`."""
    match = _LIMIT.match(text)
    value = float(match[2]) if match else math.inf
    if not match or match[3] not in _UNITS or not math.isfinite(value):
        units = ", ".join(unit for unit in _UNITS if unit)
        raise UsageError(
            f"limit {text!r} {_explain_limit(text)}; write like '<= 800ms', '<= 1%' or '>= 0.9' (units: {units})",
            key="limit",
        )
    unit, factor = _UNITS[match[3]]
    direction = "<=" if match[1].startswith("<") else ">="
    return direction, value * factor, unit


def _explain_limit(text: str) -> str:
    """Why it is not a limit, in words."""
    match = re.match(r"\s*(<=|>=|<|>|=<|=>|==|=|≤|≥)?\s*(-?)\s*(\d*\.?\d*)\s*(.*?)\s*$", text)
    if match is None or not text.strip():
        return "cannot be read"
    direction, minus, number, unit = match.groups()
    if minus:
        return "is negative"
    if not number:
        return "has no number"
    if direction not in ("<=", ">=", "<", ">"):
        return "has no direction (<= or >=)" if direction is None else f"begins with {direction}, not with <= or >="
    if unit not in _UNITS:
        return f"has the unit {unit!r}, which is not known"
    return "cannot be read"


def parse_metric(text: str) -> tuple[str, float | None]:
    """`ttft p99` as ("ttft", 0.99). Raises `UsageError`."""
    match = _METRIC.match(text)
    if not match:
        swapped = re.fullmatch(r"\s*(p\d+(?:\.\d+)?)[\s_]+([a-z_]+)\s*", text.lower())
        example = f"{swapped[2]} {swapped[1]}" if swapped else "latency p95', 'ttft p99' or 'error_rate"
        raise UsageError(f"metric {text!r} cannot be read; write like '{example}'", key="metric")
    quantile = None if match[2] is None else float(match[2]) / 100
    if quantile is not None and not 0 < quantile < 1:
        raise UsageError(f"metric {text!r}: the percentile must lie between p0 and p100, both excluded", key="metric")
    return match[1], quantile


class _Aim(TypedDict, total=False):
    """What of the answers a figure of quality is of."""

    class_: str | None
    k: int | None
    by: str | None


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
    **aim: Unpack[_Aim],
) -> Objective:
    """The objective that the configuration's words describe.

    `margin` overrides the profile's tolerance: the factor on the budget, or the points of a figure of quality.
    `confidence` is per side. Raises `UsageError` for a bound that could never be judged.
    """
    kind, quantile = parse_metric(metric)
    direction, value, unit = parse_limit(limit)
    bounded = _find_metric(suite, kind)
    if level not in tuple(Level):
        raise UsageError(describe_unknown("level", level, [known.value for known in Level]), key="level")
    alpha = profile.alpha if confidence is None else _parse_confidence(confidence)
    if quantile is not None and not bounded.percentile:
        raise UsageError(f"metric {metric!r}: {kind} takes no percentile; write {kind!r}", key="metric")
    is_share = bounded.direction == ">=" and not bounded.unit
    if slice is not None and not bounded.quality:
        raise UsageError(f"{kind} takes no slice, only figures of labelled data do: leave it out", key="slice")
    if bounded.percentile and quantile is None:
        quantile = profile.quantile
    _check_limit(bounded, limit, direction, value, unit)
    _check_aim(bounded, aim)
    budget, loosened = _compute_budget(bounded, quantile, value, profile, margin)
    if loosened >= 1 and not (bounded.quality and bounded.direction == "<="):
        margins = f"under {1 - budget:.3g}" if is_share else f"from 1 to under {1 / budget:.3g}"
        raise UsageError(
            f"objective '{metric} {limit}': a budget of {budget * 100:g} % with its tolerance lets every request break "
            f"the limit. Give a margin {margins}, or a stricter bound",
            key="margin" if margin is not None else "limit" if quantile is None else "metric",
        )
    return Objective(
        suite,
        kind,
        quantile,
        direction,
        value,
        bounded.unit,
        budget,
        loosened,
        profile.items if is_share or bounded.quality else profile.cap,
        alpha,
        Level(level),
        name,
        slice,
        bounded.streamed,
        quality=bounded.quality,
        **aim,
    )


def _parse_confidence(confidence: float) -> float:
    """The error rate of a side."""
    if not 0.5 <= confidence < 1:
        example = confidence / 100 if 50 <= confidence < 100 else 0.95
        raise UsageError(f"confidence {confidence!r} must lie in [0.5, 1), like {example:g}", key="confidence")
    return 1 - confidence


def _find_metric(suite: str, name: str) -> Metric:
    metrics = {metric.name: metric for metric in find_policy(suite).metrics}
    if name not in metrics:
        where = f"suite {suite!r}" if suite else "a test of your own"
        if not metrics:
            raise UsageError(f"suite {suite!r} has no objectives: its checks need none", key="suite")
        message = f"metric {name!r} cannot be judged in {where}, which can judge {', '.join(metrics)}"
        if joined := re.fullmatch(r"([a-z_]+)_(p\d+)", name):
            raise UsageError(f"{message}. Write the percentile after a space: '{joined[1]} {joined[2]}'", key="metric")
        rate = re.sub(r"^(?:output_)?([a-z]+)s_per_second$", r"\1_rate", name)
        for suggestion in difflib.get_close_matches(rate, metrics, n=1):
            message += f". Did you mean {suggestion!r}?"
        raise UsageError(message, key="metric")
    return metrics[name]


def _check_limit(metric: Metric, limit: str, direction: str, value: float, unit: str) -> None:
    """Refuse a bound that does not fit its metric."""
    if metric.quality and metric.unit:
        _check_own_unit(metric, limit, direction, value, unit)
        return
    fits = direction == metric.direction and unit == metric.unit and value > 0
    if metric.unit.endswith("/s"):
        is_share = limit.rstrip().endswith("%")
        if direction != metric.direction or unit not in ("", "/s") or is_share or value <= 0:
            bound = f"a lower bound in {metric.unit}, like '>= 40' or '>= 40/s'"
            raise UsageError(f"limit {limit!r}: {metric.name} takes {bound}", key="limit")
    elif metric is ATTEMPTS:
        if direction != metric.direction or unit or limit.rstrip().endswith("%") or value < 1:
            bound = "attempts for each request, from 1 on, like '<= 1.5'"
            raise UsageError(f"limit {limit!r}: {metric.name} takes {bound}", key="limit")
    elif metric.unit:
        _check_time(metric, limit, fits=fits, has_unit=unit != "" or direction != metric.direction)
    elif not fits or value >= 1:
        bound = "a lower bound between 0 and 1, like '>= 0.9' or '>= 90%'"
        if metric.direction == "<=":
            bound = "an upper bound between 0 and 1, like '<= 1%'"
        raise UsageError(f"limit {limit!r}: {metric.name} takes {bound}", key="limit")


def _check_time(metric: Metric, limit: str, *, fits: bool, has_unit: bool) -> None:
    if fits:
        return
    problem = f"limit {limit!r}: {metric.name} takes an upper bound in time, like '<= 800ms'"
    if not has_unit:
        problem = f"limit {limit!r} has no unit: write '{limit.strip()}ms' or '{limit.strip()}s'"
    raise UsageError(problem, key="limit")


def _check_own_unit(metric: Metric, limit: str, direction: str, value: float, unit: str) -> None:
    """Refuse what is no upper bound in the unit of an error."""
    if direction != metric.direction or unit or limit.rstrip().endswith("%") or value <= 0:
        bound = f"an upper bound in {metric.unit}, like '<= 0.5'"
        raise UsageError(f"limit {limit!r}: {metric.name} takes {bound}", key="limit")


def _check_aim(metric: Metric, aim: _Aim) -> None:
    """Refuse a class, a k or a column that the metric does not take, and a missing k."""
    for key, given in (("class", aim.get("class_")), ("k", aim.get("k")), ("by", aim.get("by"))):
        if given is not None and key not in metric.takes:
            raise UsageError(f"{metric.name} takes no {key}: leave it out", key=key)
    if "k" in metric.takes and aim.get("k") is None:
        raise UsageError(f"{metric.name} needs k, like k = 5", key="k")


def _compute_budget(
    metric: Metric, quantile: float | None, value: float, profile: Profile, margin: float | None
) -> tuple[float, float]:
    """The share of requests or items that may break the limit, and the same with its tolerance."""
    if not metric.sampled:
        if margin is not None:
            raise UsageError(f"margin {margin!r}: {metric.name} takes no margin; leave it out", key="margin")
        return 0.0, 0.0
    if metric.direction == ">=":
        points = profile.points if margin is None else margin
        if not 0 <= points < 1:
            raise UsageError(
                f"margin {margin!r}: the tolerance of {metric.name} is in points and must lie in [0, 1)", key="margin"
            )
        return round(1 - value, 12), round(1 - value + points, 12)
    if metric.quality:
        points = margin if margin is not None else profile.points * (5 * value if metric.unit else 1)
        if not 0 <= points < math.inf:
            problem = f"margin {margin!r}: the tolerance of {metric.name} is in its own unit and must be 0 or more"
            raise UsageError(problem, key="margin")
        return round(value, 12), round(value + points, 12)
    tolerance = profile.tolerance if margin is None else margin
    if not 1 <= tolerance < math.inf:
        raise UsageError(f"margin {margin!r} is a factor on the budget and must be at least 1", key="margin")
    budget = value if quantile is None else 1 - quantile
    return round(budget, 12), round(budget * tolerance, 12)
