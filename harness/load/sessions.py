"""Sessions: which turn of which session a request is, and how long a caller waits before it. Pure.

Request `k` is turn `k % most` of session `k // most`, where `most` is the most turns that any session of the load has.
Requests that belong to no session are sessions of one turn. Tested in tests/load/test_sessions.py.
"""

from __future__ import annotations

from itertools import accumulate

from harness.core.load_settings import LoadSettings
from harness.load.draws import Draw, draw_length, draw_value


class SessionPlan:
    """The turns of every session of a load and the pauses before them, as functions of the seed and the session."""

    def __init__(self, load: LoadSettings, seed: int) -> None:
        self.most = load.most_turns
        self._turns, self._pause = load.profile.turns if load.has_sessions else None, load.pause_between
        self._seed, self._duration = seed, load.duration

    def draw_pauses(self, session: int) -> tuple[float, ...]:
        """Seconds before each turn of a session. Before its first turn only the caller of a closed loop waits."""
        draw = Draw(f"{self._seed} session {session}")
        turns = 1 if self._turns is None else min(self.most, max(1, draw_length(self._turns, draw)))
        return tuple(draw_value(self._pause, draw) for _ in range(turns))

    def draw_begin(self, session: int) -> float:
        """The delay in seconds before the first request of the closed-loop caller whose first session this is.

        It is at most one pause, so that callers do not all begin together.
        """
        return Draw(f"{self._seed} begin {session}").random() * self.draw_pauses(session)[0]

    def count_planned(self, session: int, begin: float) -> int:
        """How many turns of a session that begins then are due before the end, if every answer takes no time."""
        dues = accumulate(self.draw_pauses(session)[1:], initial=begin)
        return sum(due < self._duration for due in dues)
