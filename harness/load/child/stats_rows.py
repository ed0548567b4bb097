"""Rows of locust's own table for times within an answer: type `TTFT` and `gap`, beside the row of the requests.

A row of its own is counted past locust's event: it is in the table, the CSV files and the web page, and not in the
aggregated row, whose requests, rates and failures stay those of requests. Workers send their rows to the master.

Tested in tests/load/test_locust_table.py.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

import numpy as np
from locust.stats import RequestStats, bucket_response_time

from harness.core.exchange import Timing

TTFT_TYPE, GAP_TYPE = "TTFT", "gap"


_KEPT_SECONDS, _MOST_ERRORS, _MOST_HISTORY = 120, 200, 2000
"""Seconds of which locust's statistics keep the counts (it reads the last 12), kinds of errors, and points of its
charts.
"""


def shorten_statistics(stats: RequestStats) -> None:
    """Drop what locust keeps of every second: without this a soak's memory grows by some megabytes an hour."""
    for entry in (stats.total, *stats.entries.values()):
        for by_second in (entry.num_reqs_per_sec, entry.num_fail_per_sec):
            oldest = max(by_second, default=0) - _KEPT_SECONDS
            for second in [second for second in by_second if second < oldest]:
                del by_second[second]
    for key in list(stats.errors)[_MOST_ERRORS:]:
        del stats.errors[key]
    if len(stats.history) > _MOST_HISTORY:
        del stats.history[1::2]


class AnswerTimes:
    """Collects the times within answers, and adds them to locust's statistics when it is asked to."""

    def __init__(self, stats: RequestStats) -> None:
        self._stats = stats
        self._seconds: dict[tuple[str, str], list[float]] = {}

    def add(self, name: str, timing: Timing) -> None:
        """Keep the times of one streamed answer; `name` is that of the row of its request."""
        if timing.ttft is not None:
            self._seconds.setdefault((name, TTFT_TYPE), []).append(timing.ttft)
            self._seconds.setdefault((name, GAP_TYPE), []).extend(timing.inter_token)

    def flush(self) -> None:
        """Add everything since the last call to the rows."""
        for (name, kind), seconds in self._seconds.items():
            if seconds:
                self._add_to_row(name, kind, seconds)
        self._seconds = {}

    def _add_to_row(self, name: str, kind: str, seconds: Iterable[float]) -> None:
        milliseconds = np.asarray(list(seconds)) * 1e3
        entry, now = self._stats.entries[name, kind], time.time()
        lowest, highest = float(milliseconds.min()), float(milliseconds.max())
        entry.num_requests += milliseconds.size
        entry.num_reqs_per_sec[int(now)] += milliseconds.size
        entry.last_request_timestamp = now
        entry.total_response_time += float(milliseconds.sum())  # type: ignore[assignment]  # locust's own are floats too
        entry.min_response_time = lowest if entry.min_response_time is None else min(entry.min_response_time, lowest)  # type: ignore[assignment]
        entry.max_response_time = max(entry.max_response_time, highest)  # type: ignore[assignment]
        rounded, counts = np.unique(np.rint(milliseconds), return_counts=True)
        for value, count in zip(rounded.tolist(), counts.tolist(), strict=True):
            entry.response_times[bucket_response_time(value)] += count
