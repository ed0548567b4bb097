"""The record of an experiment's faults: lines of `faults.jsonl`, one when a fault begins, ends, and is judged.

The guardian knows of a fault before the record says that it is on, and the record before it is: whenever the runner
dies, somebody lifts what is on, and writes that down.

Tested in tests/chaos/test_run_experiment.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from harness.chaos.guardian import LiftRecord
from harness.core.experiment import Experiment, ExperimentPlan, Proof, Strike
from harness.core.report import FaultRow
from harness.io.clock import read_monotonic
from harness.io.rundir import FAULTS, RunDir


class FaultRecord:
    """Writes for one plan. `apis` says where the faults of each place can be ended.

    `now` returns seconds of the run, at which the load `began`.
    """

    def __init__(
        self, plan: ExperimentPlan, apis: Mapping[str, str], run_dir: RunDir, began: float, now: Callable[[], float]
    ) -> None:
        self._plan, self._apis, self._run_dir, self._began, self._now = plan, apis, run_dir, began, now
        self._since: dict[int, float] = {}

    def prepare(self, index: int) -> LiftRecord:
        """A fault is about to be announced. Returns what the guardian writes if it has to lift it."""
        self._since[index] = self._now()
        line = self._make_line(Strike(self._plan.faults[index]), index, None, "lifted by guardian")
        started = read_monotonic() - self._now()
        return LiftRecord(str((self._run_dir.path / FAULTS).absolute()), started, line)

    def begin(self, index: int) -> None:
        """The guardian knows of a fault, which is about to be applied."""
        self._run_dir.append(FAULTS, self._make_line(Strike(self._plan.faults[index]), index, None, "on"))

    def end(self, index: int, state: str, proof: Proof | None = None) -> None:
        """A fault is lifted (now), or cannot be: the `proxy gone`."""
        lifted = self._now() if state in ("lifted", "refused") else None
        self._run_dir.append(
            FAULTS, self._make_line(Strike(self._plan.faults[index], proof=proof or Proof()), index, lifted, state)
        )

    def judge(self, experiment: Experiment) -> None:
        """The last line of each fault, with what the whole experiment shows."""
        for index, strike in enumerate(experiment.strikes):
            if index in self._since:
                self._run_dir.append(FAULTS, self._make_line(strike, index, strike.lifted, "judged", experiment))

    def _make_line(
        self, strike: Strike, index: int, lifted: float | None, state: str, experiment: Experiment | None = None
    ) -> dict[str, Any]:
        fault, applied = strike.fault, self._since[index]
        recovered = experiment.recovered if experiment else None
        end = experiment.finished if experiment else 0.0
        phases = {"baseline": self._began, "inject": applied, "lift": lifted, "end": end}
        name = self._plan.name if len(self._plan.faults) == 1 else f"{self._plan.name}: {fault.name}"
        row = FaultRow(
            fault.kind,
            fault.place,
            round(applied, 4),
            None if lifted is None else round(lifted, 4),
            strike.proof.confirmed,
            strike.proof.affected,
            name,
            None if recovered is None else round(recovered, 4),
            {phase: round(seconds, 4) for phase, seconds in phases.items() if seconds},
        )
        return {**asdict(row), "state": state, "api": self._apis[fault.place]}
