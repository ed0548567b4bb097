"""The files of a soak in its run directory while it goes on: its slices, and the checkpoint from which it can go on.

Tested in tests/load/test_resume.py.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from harness.core.load import Job
from harness.core.soak import SoakRecord
from harness.io.clock import read_epoch, read_monotonic
from harness.io.json_lines import read_records
from harness.io.rundir import RunDir
from harness.load.checkpoint import Checkpoint, get_checkpoint_path, read_checkpoint
from harness.load.counts import WorkerCounts, encode_counts
from harness.load.slices import get_slices_path
from harness.load.soak_record import make_soak_record


class SoakFiles:
    """Writes the files of one soak. `past` is what was counted before it was resumed, if it was. One that belongs to a
    gate cannot be resumed, and has no checkpoint.
    """

    def __init__(self, run_dir: RunDir, job: Job, *, can_resume: bool) -> None:
        self._run_dir, self._job, self._can_resume = run_dir, job, can_resume
        self._slices = get_slices_path(run_dir.path, job.load.scenario)
        self._checkpoint = get_checkpoint_path(run_dir.path, job.load.scenario)
        self._latest: dict[int, tuple[bytes, int]] = {}
        self._before = read_checkpoint(run_dir.path, job.load.scenario) if job.first else None
        self.past = self._before.parts if self._before is not None else []
        self._lost = self._before.count_lost() if self._before is not None else 0

    def append(self, line: Mapping[str, Any]) -> None:
        """Append a line to the file of slices."""
        self._run_dir.append(str(self._slices.relative_to(self._run_dir.path)), line)

    def add_slices(self, i: int, counts: WorkerCounts) -> None:
        """Append the slices of process `i`, and write a checkpoint: its counts hold nothing that these lines lack."""
        for line in counts.slices:
            self.append(line)
        if self._can_resume:
            self._write_checkpoint(i, counts)

    def _write_checkpoint(self, i: int, counts: WorkerCounts) -> None:
        self._latest[i] = encode_counts(counts), counts.reached
        started = read_epoch() - (read_monotonic() - self._job.started)
        before = self._before
        checkpoint = Checkpoint(
            before.arguments if before is not None else tuple(sys.argv[1:]),
            before.folder if before is not None else str(Path.cwd()),
            self._job.load,
            self._job.seed,
            self._job.endpoint.url,
            started,
            max(reached for _, reached in self._latest.values()),
            (*(before.counts if before is not None else ()), *(counts for counts, _ in self._latest.values())),
            self._slices.stat().st_size,
            before.resumed + 1 if before is not None else 0,
        )
        self._run_dir.write(str(self._checkpoint.relative_to(self._run_dir.path)), msgspec.json.encode(checkpoint))

    def make_record(self, *, finished: bool) -> SoakRecord:
        """The record of the soak; one that is `finished` cannot go on any more."""
        if finished:
            self._checkpoint.unlink(missing_ok=True)
        return make_soak_record(read_records(self._slices), self._job.load, self._lost)
