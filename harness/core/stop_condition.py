"""Stop conditions of an experiment: read them from text, and say when one is met. Pure.

`error_rate > 50 % for 5s`, `latency p95 > 2s for 10s`, `goodput < 20 % of baseline for 5s`.

Tested in tests/core/test_stop_condition.py.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from harness.core.errors import UsageError
from harness.core.experiment import Sample, StopCondition
from harness.core.objective_parser import parse_metric
from harness.core.registry import describe_unknown

METRICS = {"error_rate": ">", "latency": ">", "goodput": "<"}
"""What a stop condition may bound, and the side on which it stops."""

_FORM = re.compile(r"\s*(.*?)\s*(<=|>=|<|>)\s*(\d+(?:\.\d*)?|\.\d+)\s*(%|ms|s)?\s*(of baseline)?\s+for\s+(.*?)\s*")
_SPAN = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(ms|s|m|min)?")
_FACTORS = {"%": 0.01, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, None: 1.0}
_EXAMPLES = "'error_rate > 50 % for 5s', 'latency p95 > 2s for 10s' or 'goodput < 20 % for 5s'"
_LONGEST, _FEWEST, _MEDIAN = 3600.0, 3, 0.5
"""The longest window in seconds, the fewest requests that a share is computed from, and the default quantile."""


def parse_stop_condition(text: str) -> StopCondition:
    """The condition that the text describes. Raises `UsageError` that says what to write."""
    match = _FORM.fullmatch(text)
    span = _SPAN.fullmatch(match[6]) if match else None
    if match is None or span is None:
        raise UsageError(f"{text!r} is not a valid stop condition; write like {_EXAMPLES}")
    metric, quantile = parse_metric(match[1])
    if metric not in METRICS:
        raise UsageError(describe_unknown("metric of a stop condition", metric, METRICS))
    if quantile is not None and metric != "latency":
        raise UsageError(f"{text!r}: {metric} takes no percentile; write {metric!r}")
    direction, unit, limit = match[2][0], match[4], float(match[3]) * _FACTORS[match[4]]
    if direction != METRICS[metric]:
        raise UsageError(f"{text!r}: {metric} stops an experiment with {METRICS[metric]}, not with {match[2]}")
    if (unit in ("ms", "s")) != (metric == "latency"):
        wanted = "a time, like 2s or 800ms" if metric == "latency" else "a share, like 50 %"
        raise UsageError(f"{text!r}: {metric} is compared with {wanted}")
    if not 0 < limit <= (1 if metric != "latency" else math.inf):
        raise UsageError(f"{text!r}: the limit must be over 0{'' if metric == 'latency' else ' and at most 100 %'}")
    seconds = float(span[1]) * _FACTORS[span[2]]
    if not 0 < seconds <= _LONGEST:
        raise UsageError(f"{text!r}: the time after 'for' must be over 0 and at most {_LONGEST:g} s")
    if metric == "latency" and quantile is None:
        quantile = _MEDIAN
    return StopCondition(metric, direction, limit, seconds, " ".join(text.split()), quantile)


@dataclass(frozen=True, slots=True)
class StopWindow:
    """What is known at one moment, about the last seconds.

    `ended` are the requests that have ended in them, `ages` the seconds that the requests in flight have waited,
    `normal` the good answers per second of the baseline.
    """

    ended: Sequence[Sample]
    ages: Sequence[float]
    normal: float


def explain_stop(condition: StopCondition, window: StopWindow) -> str:
    """Why the condition is met over its window, in words; empty when it is not, or when too few requests show it."""
    bad = sum(not sample.is_good for sample in window.ended)
    n = len(window.ended)
    span = f"in the last {condition.seconds:g} s"
    if condition.metric == "error_rate":
        is_met = n >= _FEWEST and bad > condition.limit * n
        return f"{condition.text}: {bad} of {n} requests failed {span}" if is_met else ""
    if condition.metric == "goodput":
        rate = (n - bad) / condition.seconds
        is_met = rate < condition.limit * window.normal
        shown = f"{rate:.3g} good answers/s {span}, {window.normal:.3g}/s in the baseline"
        return f"{condition.text}: {shown}" if is_met else ""
    waiting = sum(age > condition.limit for age in window.ages)
    slow = waiting + sum(sample.judged_latency > condition.limit for sample in window.ended)
    n += waiting
    is_met = n >= _FEWEST and slow > math.floor((1 - (condition.quantile or _MEDIAN)) * n)
    if is_met:
        return f"{condition.text}: {slow} of {n} requests took longer or failed {span}"
    return ""
