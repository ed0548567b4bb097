"""The files beside the runs: the history, one line a run and only ever added to, and the name of the pinned run.

Tested in tests/commands/test_history.py.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from harness.core.errors import RunDirError, UsageError
from harness.core.history import HistoryLine, make_history_line
from harness.core.report import Report
from harness.core.verdict import Status
from harness.io.rundir import DEFAULT_ROOT, replace_file

HISTORY = DEFAULT_ROOT.parent / "history.jsonl"
PINNED = DEFAULT_ROOT.parent / "pinned"


def append_history(path: Path, report: Report) -> None:
    """Add the run to the history, once. Raises `RunDirError`."""
    line = make_history_line(report)
    if path.exists() and any(known.run == line.run for known in read_history(path)):
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab", buffering=0) as file:
            file.write(msgspec.json.encode(line) + b"\n")
    except OSError as error:
        raise RunDirError(f"{path} cannot be written ({error.strerror})") from None


def read_history(path: Path) -> list[HistoryLine]:
    """The runs in their order; a line that a kill has torn is left out. Raises `RunDirError`."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise RunDirError(f"{path} cannot be read ({error.strerror}): runs in {DEFAULT_ROOT} write it") from None
    lines = []
    for number, line in enumerate(text.split(b"\n"), 1):
        try:
            if line.strip():
                lines.append(msgspec.json.decode(line, type=HistoryLine))
        except msgspec.MsgspecError as error:
            if number < text.count(b"\n") + 1:
                raise RunDirError(f"{path}:{number} is not a line of this version ({error})") from None
    return lines


def pin_run(folder: Path, report: Report) -> Path:
    """Make this run the pinned baseline of this folder. Raises `UsageError` for one that is not a whole PASS."""
    if not is_whole_pass(report):
        raise UsageError(f"only a PASS can become a baseline: {report.run.id} ended with {report.run.verdict}")
    PINNED.parent.mkdir(parents=True, exist_ok=True)
    return replace_file(PINNED, str(folder.absolute()).encode())


def is_whole_pass(report: Report) -> bool:
    """Whether a run may become a baseline: PASS, ended, with every planned check judged."""
    return report.run.verdict is Status.PASS and report.run.final and not report.run.partial
