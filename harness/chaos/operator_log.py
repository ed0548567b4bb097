"""What people and the harness itself write into the timeline of a chaos run, from any terminal.

`operator.jsonl` holds remarks of operators: notes, and the order to lift everything. `timeline.jsonl` holds what the
experiments did. Both are lines of JSON with `at`, in seconds since 1970.

Tested in tests/chaos/test_operator_log.py.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.core.errors import RunDirError
from harness.io.clock import read_epoch
from harness.io.json_lines import read_records
from harness.io.rundir import EVIDENCE, GATE, RunDir, read_gate

OPERATOR, TIMELINE = "operator.jsonl", "timeline.jsonl"
_MOST_CHARACTERS = 2000


@dataclass(frozen=True, slots=True)
class Remark:
    """A line of an operator: a note, or the order to lift everything; `at` in seconds since 1970."""

    at: float
    kind: Literal["note", "lift"]
    text: str


def add_remark(run: Path, kind: Literal["note", "lift"], text: str) -> None:
    """Append a remark to a run's record. Raises `OSError`."""
    line = json.dumps({"at": round(read_epoch(), 3), "kind": kind, "text": text[:_MOST_CHARACTERS]})
    with open(run / OPERATOR, "ab") as file:
        file.write(line.encode("utf-8", "replace") + b"\n")


def find_open_runs(root: Path) -> list[Path]:
    """The runs below this folder that have begun and not ended, the newest last.

    A run that was killed counts as open until a report is made of it.
    """
    runs = [path.parent for path in root.glob(f"*/{EVIDENCE}") if not _has_ended(path.parent)]
    return sorted(runs, key=lambda run: (run / EVIDENCE).stat().st_mtime)


def _has_ended(run: Path) -> bool:
    try:
        return read_gate(run / GATE).run.final
    except RunDirError:
        return False


def read_remarks(run: Path) -> list[Remark]:
    """The remarks of a run, in order; a line that is torn is left out."""
    remarks = []
    for line in read_records(run / OPERATOR):
        with contextlib.suppress(KeyError, TypeError):
            remarks.append(Remark(line["at"], line["kind"], line["text"]))
    return remarks


class OperatorLog:
    """Follows the remarks of a run that goes on, and writes its timeline."""

    def __init__(self, run_dir: RunDir) -> None:
        self._run_dir = run_dir
        self._size = -1
        self._remarks: Sequence[Remark] = ()
        self._shown = 0

    def write(self, t: float, experiment: str, text: str) -> None:
        """Add a line to the timeline; `t` in seconds of the run."""
        line = {"t": round(t, 3), "at": round(read_epoch(), 3), "experiment": experiment, "text": text}
        self._run_dir.append(TIMELINE, line)

    def find_stop(self) -> str:
        """Why an operator ends the run's faults; empty when nobody does."""
        self._read()
        orders = [remark for remark in self._remarks if remark.kind == "lift"]
        return f"an operator ended the faults ({orders[0].text})" if orders else ""

    def take_notes(self) -> list[str]:
        """The notes since the last call."""
        self._read()
        fresh, self._shown = self._remarks[self._shown :], len(self._remarks)
        return [remark.text for remark in fresh if remark.kind == "note"]

    def _read(self) -> None:
        path = self._run_dir.path / OPERATOR
        size = 0
        if path.exists():
            size = path.stat().st_size
        if size != self._size:
            self._size, self._remarks = size, read_remarks(self._run_dir.path)
