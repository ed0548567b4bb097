"""RunLog: the plan and the verdicts of a run, written as they come; what cannot be written is kept.

Tested in tests/run/test_report_building.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from harness.core.errors import RunDirError
from harness.core.plan import Plan
from harness.io.rundir import EVIDENCE, GATE, EvidenceLine, RunDir, SavedRun, count_runs_of_plan, read_run
from harness.run.report_building import build_unended_report


class RunLog:
    """Writes into the run directory, which is given before the first line.

    `loss` says why something could not be written, `unwritten` are the verdicts that are therefore in memory alone.
    """

    def __init__(self) -> None:
        self.loss = ""
        self.unwritten: list[EvidenceLine] = []
        self.run_dir: RunDir
        self._head: dict[str, Any] = {}

    def record(self, line: EvidenceLine) -> None:
        """Append a verdict to the evidence."""
        try:
            self.run_dir.append(EVIDENCE, line)
        except RunDirError as problem:
            self.note_loss(str(problem), [line])

    def note_loss(self, problem: str, unwritten: Sequence[EvidenceLine] = ()) -> None:
        """Note that something could not be written, and keep the verdicts that it holds."""
        self.loss = self.loss or problem
        self.unwritten += unwritten

    @contextmanager
    def keep_loss(self) -> Iterator[None]:
        """Note the first thing that cannot be written, in place of raising: the run then ends in order."""
        try:
            yield
        except (RunDirError, OSError) as problem:
            self.note_loss(str(problem))

    def write_plan(self, plan: Plan, head: Mapping[str, Any]) -> None:
        """Write the plan and the head, in which the begin of an earlier one stays. Raises `RunDirError`."""
        began: dict[str, Any] = {name: self._head[name] for name in ("started", "started_epoch") if name in self._head}
        self._head = {**head, **began}
        self._write(plan)

    def add_notes(self, plan: Plan, notes: Sequence[str]) -> None:
        """Write the plan again, with further notes in the head."""
        self._head["notes"] = [*self._head["notes"], *notes]
        with self.keep_loss():
            self._write(plan)

    def _write(self, plan: Plan) -> None:
        """Write the plan, with the number of this run among those of the same plan in the same folder."""
        head, number = self._head, 1 + count_runs_of_plan(self.run_dir.path, plan.hash)
        if number > 1:
            again = f"run {number} of this plan in this folder: the best of several runs proves less than a single one"
            head = {**head, "notes": [*head["notes"], again]}
        self.run_dir.write_plan(plan, head)
        self.run_dir.write(GATE, msgspec.json.encode(build_unended_report(plan, head)))

    def read_back(self, plan: Plan) -> SavedRun:
        """The run as it was written, and what could not be."""
        saved = SavedRun(plan, self._head)
        with self.keep_loss():
            saved = read_run(self.run_dir.path)
        if self.loss:
            saved.plan = plan
        saved.evidence += self.unwritten
        return saved
