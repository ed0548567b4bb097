"""What the master knows of the processes of a load: their latest counts, who is silent, and what is lost with them.

Tested in tests/load/test_worker_table.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.core.load import WorkerShare
from harness.load.counts import WorkerCounts

SILENT = 10.0
"""Seconds without a message after which a worker is lost, until one comes after all. One comes every second, but on a
busy machine a process may stand still for some."""


class WorkerTable:
    """The workers of one load of `planned` requests, by their number. Time passes only by `pass_time`."""

    def __init__(self, names: Sequence[str], planned: int) -> None:
        self._names, self._planned = tuple(names), planned
        self._counts: dict[int, WorkerCounts] = {}
        self._silent_seconds = [0.0] * len(names)

    def __len__(self) -> int:
        return len(self._names)

    @property
    def parts(self) -> list[WorkerCounts]:
        """The latest counts of every worker that has sent any."""
        return list(self._counts.values())

    @property
    def have_joined(self) -> bool:
        """Whether every worker has taken up its part."""
        return len(self._counts) == len(self)

    @property
    def have_ended(self) -> bool:
        """Whether every worker has sent and read everything, or is lost; at least one has."""
        finished = [counts.finished for counts in self.parts]
        return any(finished) and sum(finished) + len(self.list_lost()) == len(self)

    @property
    def gone(self) -> str | None:
        """Why the service has disappeared; None unless every worker that is not lost finds it gone."""
        lost = self.list_lost()
        reason = None
        for i in range(len(self)):
            counts = self._counts.get(i)
            if i not in lost:
                reason = counts.gone if counts is not None else None
                if reason is None:
                    return None
        return reason

    def add(self, i: int, counts: WorkerCounts) -> None:
        """Take the latest counts of worker `i`, which replace those before."""
        self._counts[i], self._silent_seconds[i] = counts, 0.0

    def pass_time(self, seconds: float) -> None:
        """So many seconds went by in which the master could read messages."""
        for i, silent in enumerate(self._silent_seconds):
            counts = self._counts.get(i)
            self._silent_seconds[i] = 0.0 if counts is not None and counts.finished else silent + seconds

    def list_lost(self) -> list[int]:
        """The workers that have been silent for too long and had not finished."""
        return [i for i, silent in enumerate(self._silent_seconds) if silent > SILENT]

    def describe(self, i: int) -> str:
        """Which worker this is, in words."""
        counts = self._counts.get(i)
        name = counts.process if counts is not None and counts.process else self._names[i]
        return f"load worker {i + 1} of {len(self)} ({name})"

    def list_shares(self) -> tuple[WorkerShare, ...]:
        """Every worker's part of the load; none where one process makes it."""
        return tuple(map(self._make_share, range(len(self)))) if len(self) > 1 else ()

    def _make_share(self, i: int) -> WorkerShare:
        counts = self._counts.get(i) or WorkerCounts({})
        lags = counts.blocks["lag"].total() if "lag" in counts.blocks else None
        return WorkerShare(
            self.describe(i),
            counts.intended or len(range(i, self._planned, len(self))),
            counts.sent,
            counts.completed,
            lags.quantile(0.99) if lags is not None and lags.n else None,
            counts.cpu,
            counts.stall,
            counts.skew,
            is_lost=i in self.list_lost(),
        )
