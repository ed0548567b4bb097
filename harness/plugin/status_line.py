"""One line at the bottom of a terminal that says how far the run is, while pytest writes above it.

Where a terminal shows it (`can_draw_status`), it replaces the lines of `progress_lines`. It is taken off before
anything else is written and drawn again at the next look, with relative movements of the cursor alone: nothing is
hidden, no part of the screen reserved, so that a killed run leaves one line of text.

Tested in tests/plugin/test_status_line.py.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from _pytest._io.wcwidth import wcswidth, wcwidth

from harness.core.plan import PlannedCheck
from harness.core.redaction import redact_text
from harness.core.visible_text import fold_line
from harness.io.clock import read_monotonic
from harness.plugin.progress_lines import ProgressLines
from harness.run.gate_run import GateRun
from harness.run.measurements import are_begun

_NARROWEST = 30
_FEWEST_CHECKS = 5
"""Finished checks from which the time that is left is estimated."""
_OF_THE_RUN = ("ai-run/", "ai-baseline/")
"""The start of the ids of what is judged at the end."""
_MOVES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def can_draw_status(terminal: Any, environ: Mapping[str, str]) -> bool:
    """Whether a line can be drawn and taken off again: on a terminal that moves its cursor, outside of CI.

    Where output is not captured (`-s`), tests write onto the terminal themselves.
    """
    file = getattr(getattr(terminal, "_tw", None), "_file", None)
    try:
        is_terminal = file is not None and os.isatty(file.fileno())
    except (AttributeError, OSError, ValueError):
        return False
    is_captured = terminal.config.getoption("capture", "no") != "no"
    is_able = environ.get("TERM", "") not in ("", "dumb", "unknown")
    return is_terminal and is_able and is_captured and not environ.get("CI")


class StatusLine(ProgressLines):
    """The line of a run, and a plugin that is told which checks go on."""

    def __init__(self, run: GateRun, terminal: Any) -> None:
        super().__init__(run, terminal)
        self._lock = threading.RLock()
        self._terminal: Any = terminal._tw
        self._file = self._terminal._file
        self._terminal._file = _Above(self, self._file)
        self._column, self._drawn = 0, ""
        self._suite, self._ended, self._began = "", set[str](), read_monotonic()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """A check of this suite goes on now."""
        if (check := self._run.checks.get(nodeid)) is not None:
            self._suite = check.suite

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """A check has ended."""
        self._ended.add(nodeid)

    def write_above(self, text: str) -> None:
        """Write what pytest writes, where the line stands now."""
        with self._lock:
            self._take_off()
            self._file.write(text)
            self._file.flush()
            *ended, line = re.split(r"[\n\r]", text)
            if ended:
                self._column = 0
            self._column += max(0, wcswidth(_MOVES.sub("", line)))

    def show(self, line: str) -> None:
        """Write one line above the live one."""
        with self._lock:
            self._take_off()
            super().show(line)
            self._column = 0

    def look(self) -> None:
        """Show what the workers have written, then the line as it is now."""
        super().look()
        with self._lock, suppress(OSError, ValueError):
            columns = os.get_terminal_size(self._copy).columns
            text = self._describe(columns - 1)
            if columns < _NARROWEST or self._column >= columns or text == self._drawn:
                return
            self._take_off()
            below = "\n" if self._column else ""
            os.write(self._copy, f"{below}\r\x1b[2K{text}".encode(errors="replace"))
            self._drawn = text

    def close(self) -> None:
        """Take the line off and give the terminal back."""
        with self._lock:
            self._take_off()
            if isinstance(self._terminal._file, _Above):
                self._terminal._file = self._file
            super().close()

    def _take_off(self) -> None:
        if not self._drawn:
            return
        back = ""
        if self._column:
            back = f"\x1b[1A\x1b[{self._column}C"
        with suppress(OSError):
            os.write(self._copy, f"\r\x1b[2K{back}".encode())
        self._drawn = ""

    def _describe(self, width: int) -> str:
        """Suite, checks, time left, and what goes on."""
        run, now = self._run, read_monotonic()
        planned = list(filter(_is_asked, run.plan.checks))
        if not planned:
            return ""
        parts = [self._suite, f"{len(self._ended & run.checks.keys())}/{len(planned)} checks"]
        if left := self._estimate_left(planned, now):
            parts.append(f"about {left} left")
        if (part := run.progress.get_current()) is not None:
            parts.append(part.describe_briefly(now))
        return _cut_columns(redact_text(fold_line(" · ".join(filter(None, parts)), 1000), self._secrets), width)

    def _estimate_left(self, planned: Iterable[PlannedCheck], now: float) -> str:
        """Measurements by their planned time, other checks by the time that those before them took."""
        if len(self._ended) < _FEWEST_CHECKS:
            return ""
        ahead, measured = 0.0, 0.0
        for measurement in self._run.plan.measurements:
            if are_begun(self._run, [measurement.id]):
                measured += measurement.seconds
            else:
                ahead += measurement.seconds
        if (part := self._run.progress.get_current()) is not None:
            ahead += part.measure_left(now)
            measured -= part.measure_left(now)
        unended = sum(check.id not in self._ended for check in planned)
        ahead += unended * max(0.0, now - self._began - measured) / len(self._ended)
        if ahead < 90:
            return f"{ahead:.0f} s"
        return f"{ahead / 60:.0f} min"


class _Above:
    """pytest's terminal file; what is written goes above the live line."""

    def __init__(self, line: StatusLine, file: Any) -> None:
        self._line = line
        self._file = file

    def write(self, text: str) -> int:
        self._line.write_above(text)
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _is_asked(check: PlannedCheck) -> bool:
    return not check.id.startswith(_OF_THE_RUN)


def _cut_columns(text: str, width: int) -> str:
    """As much of the text as fits in so many columns."""
    columns = 0
    for place, character in enumerate(text):
        columns += max(0, wcwidth(character))
        if columns > width:
            return text[: max(0, place - 1)] + "…"
    return text
