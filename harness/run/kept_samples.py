"""The times of an objective's requests as a file of the run directory, so that other limits can be judged later.

A few bytes a request: no body, no header, no more requests than `MOST`. Tested in tests/commands/test_rejudge.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from harness.core.metric import ERROR_RATE
from harness.core.objective import Objective
from harness.core.plan import make_slug
from harness.io.rundir import RunDir
from harness.run.fixed_sample import FixedSample

MOST = 20_000
"""A larger sample is not saved: about 300 kB."""
_FOLDER = "samples"


@dataclass(slots=True)
class KeptSamples:
    """Requests in the order in which they were due: seconds of each, None for a failure, 0 of an error rate's success.

    `due` is when, in seconds from the first one. `baseline` are the values of a second endpoint asked at the same
    moments; `down` says why it was not. `warm_up` requests were not counted.
    """

    check: str
    suite: str
    metric: str
    objective: str
    warm_up: int = 0
    values: list[float | None] = field(default_factory=list)
    due: list[float] = field(default_factory=list)
    baseline: list[float | None] = field(default_factory=list)
    down: str = ""

    @property
    def is_timed(self) -> bool:
        """Whether the values are times."""
        return self.metric != ERROR_RATE.name

    def fill(self, sample: FixedSample) -> None:
        """Keep these requests, to a microsecond; an infinite value is a failure."""
        self.warm_up, self.down = sample.warm_up, sample.down
        self.values = list(map(_round, sample.values))
        self.baseline = list(map(_round, sample.baseline_values))
        self.due = [round(due - sample.due[0], 3) for due in sample.due]


def _round(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None


def restore_values(values: Sequence[float | None]) -> list[float]:
    """Kept values as a test counts them: infinite for a failure."""
    return [math.inf if value is None else value for value in values]


def name_samples(check: str) -> str:
    """The name of a check's file in the run directory."""
    return f"{_FOLDER}/{make_slug(check.removeprefix('ai-suite/'))[:120]}.json"


def save_samples(saved: KeptSamples, run_dir: RunDir) -> None:
    """Write the file, unless the sample is too large. Raises `RunDirError`."""
    if not 0 < len(saved.values) <= MOST:
        return
    with suppress(OSError):
        (run_dir.path / _FOLDER).mkdir(exist_ok=True)
    run_dir.write(name_samples(saved.check), msgspec.json.encode(saved))


def find_samples(folder: Path, check: str, objective: Objective) -> KeptSamples | None:
    """The saved requests of this check, or else of another one with the same metric in its suite; None without any."""
    wanted = (objective.suite, objective.metric)
    usable = [saved for saved in read_samples(folder) if (saved.suite, saved.metric) == wanted]
    usable.sort(key=lambda saved: (saved.check != check, -len(saved.values), saved.check))
    return usable[0] if usable else None


def read_samples(folder: Path) -> Iterator[KeptSamples]:
    """Those of every objective of a run directory, as far as they can be read."""
    for path in sorted((folder / _FOLDER).glob("*.json")):
        try:
            saved = msgspec.json.decode(path.read_bytes(), type=KeptSamples)
        except (OSError, msgspec.MsgspecError):
            continue
        if len(saved.values) == len(saved.due) and len(saved.baseline) in (0, len(saved.values)):
            yield saved
