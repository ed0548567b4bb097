"""The live timeline of a game day: every second the load's figures, the active faults and the stop conditions.

With `rich` (`pip install 'aiharness[gameday]'`) on a terminal they stay at the bottom; else they are a line that fits.
Tested in tests/chaos/test_live_view.py.
"""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from shutil import get_terminal_size
from typing import Any

from harness.chaos.steady_load import SteadyLoad
from harness.core.experiment import Sample, StopCondition, compute_p95

_SPAN, _PERIOD, _INDENT = 2.0, 1.0, 2
"""Seconds that a line looks back on, seconds between two lines, and the columns by which lines are set in."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one moment of an experiment looks like; `t` in seconds of the run, rates in requests/s.

    `ended` are the requests that have ended in the last `span` seconds, `waiting` counts those in flight.
    """

    t: float
    ended: Sequence[Sample]
    span: float
    waiting: int
    faults: Sequence[str]
    stop: Sequence[StopCondition] = ()

    def list_lines(self) -> list[str]:
        """A line for the figures, one for the faults, and one for stop conditions, if there are any."""
        return [*filter(None, [self.describe_figures(), self._name_faults(), self._name_conditions()])]

    def fit(self, width: int) -> str:
        """One line of at most `width` characters: with the names of the faults, else with their number."""
        figures = self.describe_figures()
        count = f"{len(self.faults)} fault{'' if len(self.faults) == 1 else 's'}"
        lines = (f"{figures} | {self._name_faults()}", f"{figures} | {count}".replace(" | ", "  "))
        return next((line for line in lines if len(line) <= width), lines[-1].strip()[:width])

    def _name_faults(self) -> str:
        return f"faults: {', '.join(self.faults) or 'none'}"

    def _name_conditions(self) -> str:
        if self.stop:
            return f"stops at {' or '.join(condition.text for condition in self.stop)}"
        return ""

    def describe_figures(self) -> str:
        """Time, rate, errors, latency, goodput, and requests in flight."""
        n = len(self.ended)
        good = sum(sample.is_good for sample in self.ended)
        p95 = compute_p95(sample.latency for sample in self.ended)
        errors = shown = "-"
        if n:
            errors = f"{100 * (n - good) / n:.0f} %"
        if math.isfinite(p95):
            shown = f"{p95 * 1e3:.0f} ms"
        rates = f"{n / self.span:.1f}/s | errors {errors} | p95 {shown} | good {good / self.span:.1f}/s"
        return f"{self.t:5.1f} s | {rates} | in flight {self.waiting}"


class LiveView:
    """Shows a snapshot every second while the `with` block lasts. `show` prints a line; `list_faults` names what is on,
    `take_notes` gives the operators' notes since its last call; `touch` is called when a snapshot is shown.

    `print` shows a line above the live ones.
    """

    def __init__(
        self,
        load: SteadyLoad,
        list_faults: Callable[[], Sequence[str]],
        stop: Sequence[StopCondition],
        take_notes: Callable[[], Sequence[str]],
        show: Callable[[str], None],
        touch: Callable[[], None] = lambda: None,
    ) -> None:
        self._load, self._list_faults, self._stop, self._show = load, list_faults, stop, show
        self._take_notes, self._touch = take_notes, touch
        self._ended: list[tuple[float, Sample]] = []
        self._seen = 0
        self._over = threading.Event()
        self._live = _open_rich()
        self._thread = threading.Thread(target=self._run, name="aiharness-live", daemon=True)

    @property
    def stays_below(self) -> bool:
        """Whether the line stays at the bottom of a terminal: then all others have to go through `print`."""
        return self._live is not None

    def print(self, line: str) -> None:
        """Print a line that stays, above the line that is updated."""
        if self._live is None:
            self._show(line)
        else:
            self._live.console.print(line, markup=False, highlight=False)

    def __enter__(self) -> LiveView:
        if self._live is not None:
            self._live.start()
        elif self._stop:
            self._show(f"stops at {' or '.join(condition.text for condition in self._stop)}")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(2.0)
        if self._live is not None:
            self._live.stop()

    def take_snapshot(self) -> Snapshot:
        """What this moment looks like."""
        now = self._load.now()
        fresh = self._load.list_ended(self._seen)
        self._seen += len(fresh)
        self._ended = [pair for pair in self._ended if pair[0] >= now - _SPAN] + [(now, sample) for sample in fresh]
        ended = [sample for _, sample in self._ended]
        return Snapshot(now, ended, _SPAN, len(self._load.list_waiting()), self._list_faults(), self._stop)

    def _run(self) -> None:
        while not self._over.wait(_PERIOD):
            for note in self._take_notes():
                self.print(f"note: {note}")
            snapshot = self.take_snapshot()
            self._touch()
            if self._live is None:
                self._show(snapshot.fit(get_terminal_size().columns - _INDENT))
            else:
                self._live.update(_make_text(snapshot.list_lines()), refresh=True)


def _open_rich() -> Any:
    """A live display of `rich` on a terminal; None without the one or the other."""
    if not sys.stderr.isatty():
        return None
    try:
        from rich.console import Console
        from rich.live import Live
    except ImportError:
        return None
    return Live("", console=Console(stderr=True), auto_refresh=False, transient=True)


def _make_text(lines: Sequence[str]) -> Any:
    """Lines for `rich`, in which nothing is markup."""
    from rich.text import Text

    return Text("\n".join(lines))
