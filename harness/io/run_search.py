"""Find a run by its path, by its name in `.aiharness/runs` of this folder or of one above it, or by its part.

`pinned` is the run that `aiharness pin` named, `last-pass` the newest one that passed.

Tested in tests/commands/test_rerun.py.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from harness.core.errors import RunDirError
from harness.io.history_file import PINNED, is_whole_pass
from harness.io.rundir import DEFAULT_ROOT, EVIDENCE, GATE, PLAN, read_gate

PINNED_RUN, LAST_PASS = "pinned", "last-pass"


def find_run(name: str, *, other_than: Path | None = None) -> Path:
    """The directory of a run. Raises `RunDirError` that says where it was looked for.

    `other_than` is a run that `last-pass` does not mean.
    """
    if name == PINNED_RUN:
        return _find_pinned()
    if name == LAST_PASS:
        return _find_last_pass(other_than)
    if "://" in name:
        raise RunDirError(
            f"{name!r} is a URL, and only saved runs are read here: give a run directory. "
            "Two endpoints are compared by aiharness gate URL --ai-baseline=OTHER_URL"
        )
    path = Path(name)
    if path.is_file():
        path = path.parent
    here = Path.cwd()
    for folder in (path, *(above / DEFAULT_ROOT / name for above in (here, *here.parents))):
        if any((folder / part).exists() for part in (PLAN, EVIDENCE, GATE)):
            return folder.absolute()
    known = sorted((run.name for run in (here / DEFAULT_ROOT).glob("*") if run.is_dir()), reverse=True)[:5]
    newest = f"; the newest here: {', '.join(known)}" if known else ""
    raise RunDirError(
        f"{name!r} is not a run: give a run directory, or the name of one in {DEFAULT_ROOT} of this folder{newest}"
    )


def _find_pinned() -> Path:
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / PINNED).is_file():
            run = Path((folder / PINNED).read_text())
            if not (run / GATE).is_file() or not is_whole_pass(read_gate(run / GATE)):
                raise RunDirError(f"{folder / PINNED} names {run}, which is no run that passed: pin another")
            return run
    raise RunDirError(f"no run is pinned here ({PINNED} does not exist): aiharness pin RUN names one that passed")


def _find_last_pass(other_than: Path | None) -> Path:
    """The newest run that passed, by the time at which it started."""
    here = Path.cwd()
    passed = []
    for folder in (here, *here.parents):
        for path in (folder / DEFAULT_ROOT).glob(f"*/{GATE}"):
            if other_than is None or path.parent.absolute() != other_than.absolute():
                with contextlib.suppress(RunDirError):
                    report = read_gate(path)
                    if is_whole_pass(report):
                        passed.append((report.run.started, path.parent.absolute()))
    if not passed:
        raise RunDirError(f"no run in {DEFAULT_ROOT} has passed: give a run directory")
    return max(passed)[1]
