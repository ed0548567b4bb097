"""Agendas: which request of one process's part of a load is due next, and when.

Of an open loop that is in the schedule. Of sessions only the first turns are; of a closed loop no request is: then the
next one is due some time after an answer. Imports gevent: only for the load child. Tested in
tests/load/child/test_agenda.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import gevent
from gevent.queue import SimpleQueue

from harness.core.arrival_settings import CLOSED, SESSIONS
from harness.core.load import Job
from harness.core.pacing import Pacer
from harness.core.turns import Turns
from harness.load.sessions import SessionPlan

Due = tuple[int, float]
"""The number of a request, and when it is due: in seconds of the run, after the schedule's zero `t0`."""


class Agenda:
    """The part of one process. `planned` is how many requests it is to send, `unreached` how many of these are not due
    any more before the end, since the answers before them took time.
    """

    def __init__(self, now: Callable[[], float], planned: int = 0) -> None:
        self._now, self.t0, self.planned, self.unreached = now, 0.0, planned, 0

    def begin(self, t0: float) -> None:
        """The schedule begins at `t0`."""
        self.t0 = t0

    def serve(self, is_over: Callable[[], bool]) -> Iterator[Due]:
        """For one slot: one request after the other, each at the moment at which it is due or a slot is free.

        `is_over` says whether the slot is to take nothing more.
        """
        raise NotImplementedError

    def note_end(self, k: int, ended: float) -> None:
        """Request `k` has ended."""

    def take_left(self) -> list[Due]:
        """What is due and was not taken, which nobody will send."""
        return []

    def get_turn(self, k: int) -> int | None:
        """Which turn of its session request `k` is, from 0; None where there are no sessions."""
        del k
        return None

    @property
    def has_ended(self) -> bool:
        """Whether nothing will be planned any more."""
        return True

    @property
    def has_left(self) -> bool:
        """Whether something is to be taken."""
        return False

    def _wait_until(self, due: float) -> None:
        while (left := due - self._now()) > 0:
            gevent.sleep(left)


class _OpenAgenda(Agenda):
    """Every `step`-th arrival of a schedule, from `first` on."""

    def __init__(self, now: Callable[[], float], pacer: Pacer, first: int, step: int, turns: Turns | None) -> None:
        super().__init__(now, len(range(first, pacer.count, step)))
        self._pacer, self._next, self._step, self._turns = pacer, first, step, turns

    def serve(self, is_over: Callable[[], bool]) -> Iterator[Due]:
        while self._next < self._pacer.count and not is_over():
            k = self._next
            self._next += self._step
            due = self._get_due_time(k)
            self._wait_until(due)
            yield k, due

    def take_left(self) -> list[Due]:
        late, self._next = range(self._next, self._pacer.count, self._step), self._pacer.count
        return [(k, self._get_due_time(k)) for k in late]

    def _get_due_time(self, k: int) -> float:
        scheduled = self._pacer.get_arrival_time(k)
        return self.t0 + (scheduled if self._turns is None else self._turns.find_time(scheduled))

    @property
    def has_left(self) -> bool:
        return self._next < self._pacer.count


class _SessionAgenda(Agenda):
    """The turns of every `step`-th session of a schedule, from session `first` on.

    A turn that would be due after the `duration` is not sent. A failed turn does not end its session: what the service
    would have said is recorded.
    """

    def __init__(
        self, now: Callable[[], float], pacer: Pacer, plan: SessionPlan, first: int, step: int, duration: float
    ) -> None:
        begins = {session: pacer.get_arrival_time(session) for session in range(first, pacer.count, step)}
        self._turns = {session: plan.count_planned(session, begin) for session, begin in begins.items()}
        super().__init__(now, sum(self._turns.values()))
        self._begins, self._plan, self._duration = begins, plan, duration
        self._due: SimpleQueue[Due]

    def begin(self, t0: float) -> None:
        super().begin(t0)
        self._due = SimpleQueue()  # of this thread's hub: the agenda itself may be made in another thread
        gevent.spawn(self._begin_sessions)

    def _begin_sessions(self) -> None:
        for session, begin in self._begins.items():
            self._wait_until(self.t0 + begin)
            self._due.put((session * self._plan.most, self.t0 + begin))

    def serve(self, is_over: Callable[[], bool]) -> Iterator[Due]:
        while not is_over():
            k, due = self._due.get()
            self._wait_until(due)
            yield k, due

    def note_end(self, k: int, ended: float) -> None:
        session, turn = divmod(k, self._plan.most)
        left = self._turns[session] - turn - 1
        if not left:
            return
        due = ended + self._plan.draw_pauses(session)[turn + 1]
        if due < self.t0 + self._duration:
            gevent.spawn_later(max(0.0, due - self._now()), self._due.put, (k + 1, due))
        else:
            self.unreached += left

    def take_left(self) -> list[Due]:
        late = [self._due.get() for _ in range(self._due.qsize())]
        for k, _ in late:
            self.note_end(k, math.inf)
        return late

    def get_turn(self, k: int) -> int | None:
        return k % self._plan.most

    @property
    def has_left(self) -> bool:
        return not self._due.empty()


class _ClosedAgenda(Agenda):
    """Each slot is a caller, who takes the next session of this process, and asks again some time after each answer.

    How many requests that makes until the end depends on the service: `planned` grows.
    """

    def __init__(
        self, now: Callable[[], float], plan: SessionPlan, sessions: range, duration: float, *, has_turns: bool
    ) -> None:
        super().__init__(now)
        self._plan, self._sessions, self._duration = plan, iter(sessions), duration
        self._has_turns = has_turns
        self._ended: dict[int, float] = {}

    def serve(self, is_over: Callable[[], bool]) -> Iterator[Due]:
        last: float | None = None
        for session in self._sessions:
            for turn, pause in enumerate(self._plan.draw_pauses(session)):
                due = self.t0 + self._plan.draw_begin(session) if last is None else last + pause
                if due >= self.t0 + self._duration or is_over():
                    return
                self.planned += 1
                self._wait_until(due)
                k = session * self._plan.most + turn
                yield k, due
                last = self._ended.pop(k)

    def note_end(self, k: int, ended: float) -> None:
        self._ended[k] = ended

    def get_turn(self, k: int) -> int | None:
        return k % self._plan.most if self._has_turns else None

    @property
    def has_ended(self) -> bool:
        return self._now() >= self.t0 + self._duration


def make_agenda(job: Job, now: Callable[[], float], first: int, step: int) -> Agenda:
    """The agenda of this job for one of `step` processes. A long one takes seconds."""
    load = job.load
    if load.loop:
        plan = SessionPlan(load, job.seed)
    if load.loop == CLOSED:
        sessions = range(first, load.sessions, step)
        return _ClosedAgenda(now, plan, sessions, load.duration, has_turns=load.has_sessions)
    pacer = load.make_pacer(job.seed)
    if load.loop == SESSIONS:
        return _SessionAgenda(now, pacer, plan, first, step, load.duration)
    return _OpenAgenda(now, pacer, first, step, job.turns)
