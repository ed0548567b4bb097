"""How long a service needs after the peak of a stress until it keeps its limit again, from its seconds. Pure.

Tested in tests/load/test_recovery_time.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.stats.beta import binomial_cdf
from harness.stats.histogram import Histogram
from harness.stats.recovery import RETURN_ALPHA, TOTAL_SHARE

_MOSTLY = 0.5
"""The share of bad requests in a second from which on the service has not recovered in it."""


@dataclass(frozen=True, slots=True)
class RecoveryTime:
    """The service had recovered between `low` and `high` seconds after the peak; `observed` seconds were looked at.

    `high` is None where that is not shown within them.
    """

    low: float
    high: float | None
    observed: float

    def describe(self) -> str:
        """The interval in words."""
        if self.high is not None:
            return f"the service had recovered {self.low:.3g} to {self.high:.3g} s after the peak"
        if self.low >= self.observed:
            return f"the service had not recovered within the {self.observed:.3g} s after the peak"
        return (
            f"the service had recovered {self.low:.3g} s after the peak at the earliest, and when is not shown: few "
            f"requests were due in the {self.observed:.3g} s after it"
        )


def measure_recovery(lines: Sequence[Mapping[str, Any]], peak_end: float, limits: Mapping[str, float]) -> RecoveryTime:
    """The interval, from the lines of `series.jsonl`; `peak_end` in seconds of the run, `limits` in seconds by metric.

    A request is bad if it failed or took longer than a limit, as its histogram says (within 1 %). The lower end is that
    of the last second in which half of the requests are bad. From the upper end on, it is refuted that a fifth of them
    are, at the error rate of every recovery (`harness.stats.recovery`): seconds before it are not all of one kind.
    """
    first = math.ceil(peak_end)
    last = max((line["t"] for line in lines), default=first - 1)
    counts = [[0, 0] for _ in range(first, last + 1)]
    for line in lines:
        if line["t"] >= first:
            counts[line["t"] - first][0] += line["requests"]
            counts[line["t"] - first][1] += _count_bad(line, limits)
    broken = [place for place, (n, bad) in enumerate(counts) if n and bad >= _MOSTLY * n]
    start = broken[-1] + 1 if broken else 0
    offset, observed = first - peak_end, last + 1 - peak_end
    low = start + offset if broken else 0.0
    for place in range(start, len(counts)):
        n, bad = (sum(column) for column in zip(*counts[place:], strict=True))
        if n and binomial_cdf(bad, n, TOTAL_SHARE) <= RETURN_ALPHA:
            return RecoveryTime(low, max(place + offset, low), observed)
    return RecoveryTime(low, None, observed)


def _count_bad(line: Mapping[str, Any], limits: Mapping[str, float]) -> int:
    """Count the bad requests of one second: failures, plus answers over the limit that was exceeded most often."""
    over = [0]
    for metric, limit in limits.items():
        histogram = Histogram.from_sparse(line.get("hist", {}).get(metric, {}))
        edges, values = histogram.to_dense()
        over.append(sum(n for upper, n in zip(edges[1:], values, strict=False) if upper > limit * 1.01))
    return int(line["errors"]) + max(over)
