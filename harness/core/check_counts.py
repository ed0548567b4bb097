"""How checks are counted, by one vocabulary for the terminal, pytest's last line and every report. Pure.

A planned check is *judged* where the evidence decided it: PASS or FAIL. A FAIL or ERROR of a check that is no blocker
is *warned*: it never decides. SKIPPED does not apply. What is INCONCLUSIVE or ERROR was planned and is not judged.

Tested in tests/core/test_check_counts.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from harness.core.verdict import Level, Status

WARNED = "warned"
COUNT_ORDER = ("FAIL", "ERROR", "INCONCLUSIVE", WARNED, "PASS", "SKIPPED")
"""What a check can be counted as, from the worst to the least."""

SIGNS = {"FAIL": "✗", "ERROR": "!", "INCONCLUSIVE": "?", WARNED: "▲", "PASS": "✓", "SKIPPED": "–"}
"""The sign of each in plain text."""


class _Row(Protocol):
    """A row of a report, as far as it is counted."""

    @property
    def verdict(self) -> Status: ...
    @property
    def level(self) -> Level: ...


def name_count(verdict: Status, level: Level) -> str:
    """What a check with this verdict and level is counted as."""
    if level is not Level.BLOCKER and verdict in (Status.FAIL, Status.ERROR):
        return WARNED
    return str(verdict)


def count_checks(rows: Iterable[_Row]) -> dict[str, int]:
    """How many rows are counted as what, in `COUNT_ORDER`, zeros included."""
    counts = dict.fromkeys(COUNT_ORDER, 0)
    for row in rows:
        counts[name_count(row.verdict, row.level)] += 1
    return counts


def count_judged(rows: Iterable[_Row]) -> int:
    """How many rows the evidence decided."""
    return sum(row.verdict in (Status.PASS, Status.FAIL) for row in rows)
