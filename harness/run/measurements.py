"""Make a measurement at most once a run, in whatever process first needs it, and read its result everywhere else."""

from __future__ import annotations

import fcntl
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from harness.core.errors import BudgetExhausted, HarnessError, UsageError
from harness.core.measurement import Measurement, Scope
from harness.core.plan import PlannedCheck, PlannedMeasurement
from harness.run.gate_run import GateRun
from harness.run.session import Session

_T = TypeVar("_T")

_ERRORS = {error.__name__: error for error in (BudgetExhausted, UsageError)}
"""Errors that a check's verdict tells from others."""


@dataclass(frozen=True, slots=True)
class _State:
    """How far a measurement has come: the content of the file `id`.state beside its result.

    `begun` while nobody holds its lock means that the process which made it died.
    """

    state: Literal["begun", "failed", "done"]
    error: str = ""
    reason: str = ""


class Measurements:
    """The measurements that one check judges: `ai_measure(LOAD)` in the check."""

    def __init__(self, session: Session, run: GateRun, check: PlannedCheck) -> None:
        self._session = session
        self._run = run
        self._check = check

    def __call__(self, measurement: Measurement[_T], case: Any = None) -> _T:
        """Its result, for this experiment or attack: made by the first who asks, read by everyone after.

        Raises what making it has raised, now or for an earlier check; a measurement that failed is not made again.
        Raises `HarnessError` for one that the check does not name in `@check(..., measures=...)`.
        """
        scope = Scope(self._run.settings, self._check.suite, case)
        planned = measurement.plan(scope)
        if planned.id not in self._check.measures:
            raise HarnessError(f"{self._check.id} judges {planned.id} but does not name it in @check(measures=...)")
        path = self._run.run_dir.path / planned.id
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(_lock_path(path), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # released when its holder dies
            if not _state_path(path).exists():
                self._make(measurement, scope, planned)
            state = msgspec.json.decode(_state_path(path).read_bytes(), type=_State)
        if state.state == "begun":
            raise HarnessError(f"{planned.id} was begun and not finished: the process that measured died")
        if state.state == "failed":
            raise _ERRORS.get(state.error, HarnessError)(state.reason)
        file = path.with_name(f"{path.name}.json")
        kind: Any = measurement.result
        result: _T = _read_result(file, file.stat().st_mtime_ns, kind)
        return result

    def _make(self, measurement: Measurement[Any], scope: Scope, planned: PlannedMeasurement) -> None:
        self._write_state(planned, _State("begun"))
        try:
            part = self._run.progress.part(planned.id, planned.requests, seconds=planned.seconds)
            with part, self._run.ledger.limit(planned.id, planned.requests):
                result = measurement.make(scope, self._session, self._run)
            self._run.run_dir.write(f"{planned.id}.json", msgspec.json.encode(result))
        except Exception as error:
            reason = str(error)
            if not isinstance(error, HarnessError):
                reason = f"making {planned.id} broke: {type(error).__name__}: {error}"
            self._write_state(planned, _State("failed", type(error).__name__, reason))
            raise
        self._write_state(planned, _State("done"))

    def _write_state(self, planned: PlannedMeasurement, state: _State) -> None:
        self._run.run_dir.write(f"{planned.id}.state", msgspec.json.encode(state))


@lru_cache(maxsize=2)
def _read_result(file: Path, written: int, result: type[Any]) -> Any:
    """The record in a file of this time; one of a million rows takes 100 MB, which the checks of a process share."""
    return msgspec.json.decode(file.read_bytes(), type=result)


def are_begun(run: GateRun, ids: Sequence[str]) -> bool:
    """Whether these measurements are made, or being made: their checks need not run alone any more."""
    return all(_state_path(run.run_dir.path / id_).exists() for id_ in ids)


def is_measured(folder: Path, id_: str) -> bool:
    """Whether a run directory holds the result of this measurement, whole."""
    try:
        state = msgspec.json.decode(_state_path(folder / id_).read_bytes(), type=_State)
    except (OSError, msgspec.MsgspecError):
        return False
    return state.state == "done" and (folder / f"{id_}.json").is_file()


def _state_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.state")


def _lock_path(path: Path) -> Path:
    return path.with_name(f".{path.name}.lock")
