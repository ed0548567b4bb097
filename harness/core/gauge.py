"""Gauges of a service's own page of metrics: which of them a soak reads, by their names.

Tested in tests/io/test_metrics_page.py.
"""

from __future__ import annotations

import re
from typing import Literal

GaugeKind = Literal["memory", "connections", "cache"]

_KINDS: tuple[tuple[GaugeKind, re.Pattern[str]], ...] = (
    ("cache", re.compile(r"cache")),
    ("memory", re.compile(r"(resident|working_set|memory_used|used_memory|memory_usage|mem_used|heap_inuse)\w*bytes")),
    ("memory", re.compile(r"(^|_)rss(_|$)")),
    (
        "connections",
        re.compile(r"(open_fds|in_?flight|(open|active|current)_connections|connections(_open|_active|_current)?$)"),
    ),
    ("connections", re.compile(r"requests_(running|waiting|active|processing|deferred|in_?progress)$")),
    ("connections", re.compile(r"(running|active|waiting)_requests$|num_(running|queue)_reqs$|pending_request_count$")),
)
_NO_GAUGE = re.compile(r"_(total|count|sum|bucket|created|max|limit|info)$")

LEAST_RELATIVE, LEAST_COUNT = 0.02, 10.0
"""The growth of a gauge in the second half of a soak that counts: this share of memory, so many connections."""


def classify_gauge(name: str) -> GaugeKind | None:
    """What a gauge is about; None for one that a soak does not read.

    A gauge that names a cache is shown and not judged: a cache is there to fill.
    """
    lower = name.lower()
    if _NO_GAUGE.search(lower) and not lower.endswith("pending_request_count"):  # Triton's is a gauge
        return None
    return next((kind for kind, pattern in _KINDS if pattern.search(lower)), None)
