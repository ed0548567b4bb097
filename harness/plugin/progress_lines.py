"""Progress on the terminal, from every process of a run, while pytest captures what the tests write.

Tested in tests/plugin/test_progress_lines.py.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

from harness.core.redaction import redact_text
from harness.run.gate_run import GateRun

_FILE = ".progress"
"""Where xdist's workers append their lines, for the controller to show."""


class ProgressLines:
    """Whole lines on the terminal of this run, below the line that pytest has begun.

    They go through a copy of the terminal's file descriptor: capturing replaces the original while a test runs, so
    that no line of ours gets into a test's output, nor a test's output onto the screen.
    """

    def __init__(self, run: GateRun, terminal: Any) -> None:
        self._run = run
        self._secrets = run.settings.list_secrets()
        self._writer = getattr(terminal, "_tw", None)
        self._read_bytes = 0
        try:
            self._copy = os.dup(self._writer._file.fileno())  # type: ignore[union-attr]
        except (AttributeError, OSError, ValueError):  # no terminal, or one that is no file
            self._copy = -1

    def show(self, line: str) -> None:
        """Write one line; on a screen that is gone, nothing."""
        prefix = "\n" if getattr(self._writer, "width_of_current_line", 0) else ""
        with suppress(OSError):
            os.write(self._copy, f"{prefix}  {redact_text(line, self._secrets)}\n".encode(errors="replace"))
        with suppress(AttributeError):
            self._writer._current_line = ""  # type: ignore[union-attr]  # the screen is at the start of a line now

    def look(self) -> None:
        """Show what the workers have written since the last look."""
        if not self._run.started:
            return
        with suppress(OSError), open(self._run.run_dir.path / _FILE, "rb") as file:
            file.seek(self._read_bytes)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._read_bytes += len(line)
                self._run.progress.note(line.decode().rstrip())

    def close(self) -> None:
        """Give the copy back."""
        if self._copy >= 0:
            os.close(self._copy)
            self._copy = -1


def append_line(run: GateRun, line: str) -> None:
    """Give a line of a worker to the controller; on a full disk, nothing."""
    text = redact_text(line, run.settings.list_secrets())
    with suppress(OSError), open(run.run_dir.path / _FILE, "ab", buffering=0) as file:
        file.write(f"{text}\n".encode(errors="replace"))
