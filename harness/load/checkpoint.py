"""What a soak writes down now and then, so that it can go on after a kill of any of its processes.

Tested in tests/load/test_resume.py.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from harness.core.errors import UsageError
from harness.core.load import Job
from harness.core.load_settings import LoadSettings
from harness.io.rundir import EVIDENCE, GATE
from harness.load.counts import WorkerCounts, decode_counts
from harness.load.slices import get_slices_path


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A soak as far as its slices are written.

    `arguments` are those of locust, started in `folder`. `reached` is the first arrival that no process has sent,
    `counts` those of every process (encoded), and `slices_bytes` the length of the file of slices, at one moment.
    `load`, `seed` and `url` are what was asked for, `started_epoch` the run's start. `resumed` is how often the soak
    was resumed before.
    """

    arguments: tuple[str, ...]
    folder: str
    load: LoadSettings
    seed: int
    url: str
    started_epoch: float
    reached: int
    counts: tuple[bytes, ...]
    slices_bytes: int
    resumed: int = 0

    @property
    def parts(self) -> list[WorkerCounts]:
        """The counts of every process."""
        return [decode_counts(counts) for counts in self.counts]

    def count_lost(self) -> int:
        """Count the requests that were sent before the kill and whose outcome was never recorded."""
        return max(0, self.reached - sum(part.completed for part in self.parts))

    def check(self, job: Job) -> None:
        """Raises `UsageError` where a job is another one than that of the soak."""
        for name, now, then in (
            ("load", job.load, self.load),
            ("seed", job.seed, self.seed),
            ("endpoint", job.endpoint.url, self.url),
        ):
            if now != then:
                raise UsageError(f"the soak cannot go on: its {name} is another one now than when it was started")

    def clear_traces(self, run_dir: Path) -> None:
        """Remove what was written after this checkpoint: slices whose requests are sent again, and verdicts on a part
        of the soak, where it was stopped and not killed.
        """
        for name in (EVIDENCE, GATE):
            if (run_dir / name).exists():
                os.truncate(run_dir / name, 0)
        path = get_slices_path(run_dir, self.load.scenario)
        if path.exists() and path.stat().st_size > self.slices_bytes:
            os.truncate(path, self.slices_bytes)


def get_checkpoint_path(run_dir: Path, scenario: str) -> Path:
    """The file of a soak's checkpoint; not `.json`, because those are results."""
    return run_dir / "load" / f"{scenario}.checkpoint"


def read_checkpoint(run_dir: Path, scenario: str) -> Checkpoint:
    """The checkpoint in a run directory. Raises `UsageError` where there is none to go on from."""
    path = get_checkpoint_path(run_dir, scenario)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Checkpoint)
    except OSError:
        raise UsageError(
            f"{run_dir} holds no soak that can go on (no {path.name}): it has ended, or was stopped before its first "
            "slice was written, or is none that aiharness load or locust made"
        ) from None
    except msgspec.MsgspecError as problem:
        raise UsageError(f"{path} is not a checkpoint of this version ({problem})") from None
