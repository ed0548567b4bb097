"""The live line of a load that locust makes by hand: in place on a terminal, whole lines elsewhere, none in CI.

Tested in tests/load/test_live.py.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import TextIO

_INTERVAL, _CLEAR = 10.0, "\r\x1b[K"
"""Seconds between two lines where they do not replace one another; what clears a terminal's line."""


class LiveLine:
    """Writes a line each time it is shown, on a terminal over the one before."""

    def __init__(self, stream: TextIO, environ: Mapping[str, str]) -> None:
        self._stream = stream
        self._is_screen = stream.isatty() and environ.get("TERM") != "dumb"
        self._is_quiet = bool(environ.get("CI"))
        self._next, self._is_drawn = _INTERVAL, False

    def show(self, line: str, elapsed: float) -> None:
        """Show the line; `elapsed` seconds of the load have passed."""
        if self._is_quiet or elapsed < 0:
            return
        if self._is_screen:
            width = shutil.get_terminal_size((100, 24)).columns
            self._write(f"{_CLEAR}{line[: width - 1]}")
            self._is_drawn = True
        elif elapsed >= self._next:
            self._next = elapsed + _INTERVAL
            self._write(f"ai load: {line}\n")

    def clear(self) -> None:
        """Leave an empty line for what follows."""
        if self._is_drawn:
            self._write(_CLEAR)
            self._is_drawn = False

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # a terminal that is gone
            self._is_quiet = True
