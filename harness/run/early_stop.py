"""Leave the other suites out where smoke fails: without it they say little, at a higher cost.

Tested in tests/commands/test_gate.py.
"""

from __future__ import annotations

from harness.core.plan import PlannedCheck
from harness.core.verdict import Level, Status, Verdict
from harness.run.gate_run import GateRun

_STOPPED = ".stopped"
_FIRST_SUITE = "smoke"


def note_failure(run: GateRun, check: PlannedCheck, verdict: Verdict) -> None:
    """Let every process know that a blocker of smoke failed, where the run then stops early."""
    is_open = check.level is Level.BLOCKER and verdict.status in (Status.FAIL, Status.ERROR)
    if run.settings.stop_early and check.suite == _FIRST_SUITE and is_open:
        with run.log.keep_loss():
            run.run_dir.write(_STOPPED, check.id.encode())


def explain_early_stop(run: GateRun, check: PlannedCheck) -> str:
    """Why a check is left out; empty for one that is run."""
    if not run.settings.stop_early or check.suite == _FIRST_SUITE or not (run.run_dir.path / _STOPPED).exists():
        return ""
    return f"left out, since a blocker of {_FIRST_SUITE} failed (aiharness gate --keep-going runs it)"
