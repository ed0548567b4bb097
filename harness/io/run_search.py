"""Find a run by its path or by its name in `.aiharness/runs` of this folder or of one above it.

Tested in tests/commands/test_rerun.py.
"""

from __future__ import annotations

from pathlib import Path

from harness.core.errors import RunDirError
from harness.io.rundir import DEFAULT_ROOT, EVIDENCE, GATE, PLAN


def find_run(name: str) -> Path:
    """The directory of a run. Raises `RunDirError` that says where it was looked for."""
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
