"""The operator's console of a game day: it asks before each experiment, and takes what is typed as notes.

Tested in tests/commands/test_gameday.py.
"""

from __future__ import annotations

import queue
import sys
import threading
from pathlib import Path
from typing import TextIO

from harness.chaos.operator_log import add_remark

LIFT_WORDS = ("lift", "stop", "abort")
"""Lines that end every fault, in place of a note."""


class OperatorConsole:
    """Reads lines from `stream` in a thread: answers while `ask` waits, else notes for the run in `folder`."""

    def __init__(self, folder: Path, stream: TextIO) -> None:
        self._folder, self._stream = folder, stream
        self._answers: queue.Queue[str] = queue.Queue()
        self._waits = threading.Event()
        threading.Thread(target=self._read, name="aiharness-console", daemon=True).start()

    def ask(self, question: str) -> str:
        """The answer in small letters; `q` when the input has ended."""
        print(f"\n{question}", end=" ", flush=True)
        self._waits.set()
        try:
            return self._answers.get().strip().lower()
        finally:
            self._waits.clear()

    def _read(self) -> None:
        for line in self._stream:
            text = line.strip()
            if self._waits.is_set():
                self._answers.put(text)
            elif text.lower() in LIFT_WORDS:
                add_remark(self._folder, "lift", f"typed {text!r}")
            elif text:
                add_remark(self._folder, "note", text)
        self._answers.put("q")


def can_ask() -> bool:
    """Whether somebody can answer at this terminal."""
    return sys.stdin is not None and sys.stdin.isatty()
