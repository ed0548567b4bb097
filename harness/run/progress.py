"""Progress of a run: a thread says what goes on in this process, once that takes long.

Tested in tests/plugin/test_progress_lines.py.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from harness.core.progress import Part
from harness.io.clock import read_monotonic

FIRST_SECONDS, NEXT_SECONDS, LOOK_SECONDS = 5.0, 10.0, 0.5
"""Seconds after which a part is spoken of, seconds between two lines of it, and between two looks at it."""


class Progress:
    """The parts that go on in this process, each within the one before; `processes` processes share one screen.

    `deadline` is how many seconds an answer may take. Nothing is said before `begin`.
    """

    def __init__(self, processes: int = 1, deadline: float = 0.0) -> None:
        self._deadline = deadline
        self._pause = NEXT_SECONDS * processes
        self._parts: list[Part] = []
        self._show: Callable[[str], None] = _ignore_line
        self._look: Callable[[], None] = _look_nowhere
        self._lock = threading.Lock()
        self._speaks = True
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def part(self, title: str, total: int = 0, *, seconds: float = 0.0) -> Iterator[Part]:
        """A part of the run that lasts as long as the `with` block; the fields are those of `Part`."""
        part = Part(title, read_monotonic(), total, seconds=seconds, deadline=self._deadline)
        self._parts.append(part)
        try:
            yield part
        finally:
            self._parts.remove(part)
            if (outer := self.get_current()) is not None:
                outer.spoke = read_monotonic()

    def get_current(self) -> Part | None:
        """The innermost part that goes on in this process."""
        return next(iter(self._parts[-1:]), None)

    def count_answer(self) -> None:
        """One more request was answered, or will not be."""
        if (part := self.get_current()) is not None:
            part.done, part.answered = part.done + 1, read_monotonic()

    def expect(self, requests: int) -> None:
        """So many more requests are sent in this part, and no others that are known of."""
        if (part := self.get_current()) is not None:
            part.total, part.at_most = part.done + requests, False

    def count_rows(self, done: int, left: int) -> None:
        """So many rows are answered in this part, and at most so many are left."""
        if (part := self.get_current()) is not None:
            part.unit, part.done, part.total = "rows", done, done + left

    def touch(self) -> None:
        """Something else has just been said of the part that goes on."""
        if (part := self.get_current()) is not None:
            part.spoke = read_monotonic()

    def note(self, line: str) -> None:
        """Say that a step of a long measurement begins or has ended."""
        with self._lock:
            self._show(line)

    @contextmanager
    def show_with(self, show: Callable[[str], None] | None) -> Iterator[None]:
        """Give the lines to `show`, if it is given, while the `with` block lasts and anybody reads them."""
        before = self._show
        if show is not None and before is not _ignore_line:
            self._show = show
        try:
            yield
        finally:
            self._show = before

    def remark_with(self, describe: Callable[[], str]) -> None:
        """What else a watcher wants to know of the part that goes on, or ""."""
        if (part := self.get_current()) is not None:
            part.remark = describe

    def begin(
        self, show: Callable[[str], None], look: Callable[[], None] | None = None, *, speaks: bool = True
    ) -> None:
        """From now on `show` gets the lines, from any thread and never two at once; `look` is called at every look.

        Without `speaks` it gets steps alone: who looks sees how far the parts are.
        """
        self._show, self._look, self._speaks = show, look or _look_nowhere, speaks
        self._thread = threading.Thread(target=self._watch, name="aiharness-progress", daemon=True)
        self._thread.start()

    def end(self) -> bool:
        """Say nothing more; whether the thread has ended. May be called twice."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(2.0)
        is_over = self._thread is None or not self._thread.is_alive()
        if is_over and self._thread is not None:
            self._look()
            self._thread = None
        self._show, self._look = _ignore_line, _look_nowhere
        return is_over

    def _watch(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            self._look()
            part, now = self.get_current(), read_monotonic()
            if part is not None and self._speaks and now >= self._find_due(part):
                part.spoke = now
                self.note(part.describe(now))

    def _find_due(self, part: Part) -> float:
        if part.spoke:
            return part.spoke + self._pause
        return part.began + FIRST_SECONDS


def _ignore_line(line: str) -> None:
    """For a run whose progress nobody reads."""


def _look_nowhere() -> None:
    """For a process that shows no other's lines."""
