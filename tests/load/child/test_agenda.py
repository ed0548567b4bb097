"""Every planned request is taken once, at the moment at which it is due, or counted as not reached."""

from __future__ import annotations

import time
from collections import Counter

import gevent
import pytest

from harness.core.endpoint import Endpoint
from harness.core.load import Job
from harness.core.load_settings import LoadSettings
from harness.core.workload import Spread
from harness.load.child.agenda import make_agenda
from harness.load.sessions import SessionPlan

SESSIONS = LoadSettings(
    workload="sessions", rate=40, duration=0.5, warm_up=0, session_turns=Spread(min=1, max=5), think=Spread(mean=0.05)
)
CLOSED = LoadSettings(arrivals="closed", concurrency=4, duration=0.8, warm_up=0, think=Spread(mean=0.05))


def serve(load: LoadSettings, *, first: int = 0, step: int = 1, slots: int = 20, answer: float = 0.01) -> tuple[
    dict[int, float], dict[int, float], int, int
]:  # fmt: skip
    """When each request was due and ended, what was planned and what not reached, against a service that sleeps."""
    job = Job(Endpoint("http://127.0.0.1:1"), (), load, "", 0.0, seed=5)
    zero = time.monotonic()
    agenda = make_agenda(job, lambda: time.monotonic() - zero, first, step)
    agenda.begin(0.1)
    dues: dict[int, float] = {}
    ends: dict[int, float] = {}

    def run_slot() -> None:
        for k, due in agenda.serve(lambda: False):
            assert k not in dues
            assert time.monotonic() - zero >= due
            dues[k] = due
            gevent.sleep(answer)
            ends[k] = time.monotonic() - zero
            agenda.note_end(k, ends[k])

    greenlets = [gevent.spawn(run_slot) for _ in range(slots)]
    deadline = time.monotonic() + 20
    while not (agenda.has_ended and len(ends) == agenda.planned - agenda.unreached) and time.monotonic() < deadline:
        gevent.sleep(0.01)
    gevent.killall(greenlets)
    return dues, ends, agenda.planned, agenda.unreached


def test_a_turn_is_due_its_pause_after_the_answer_before() -> None:
    dues, ends, planned, unreached = serve(SESSIONS)
    plan, pacer = SessionPlan(SESSIONS, 5), SESSIONS.make_pacer(5)
    assert len(dues) == planned - unreached
    assert {k // plan.most for k in dues} == set(range(20))
    for k, due in dues.items():
        session, turn = divmod(k, plan.most)
        begins = 0.1 + pacer.get_arrival_time(session)
        assert due == pytest.approx(ends[k - 1] + plan.draw_pauses(session)[turn] if turn else begins)


def test_what_a_slow_service_leaves_no_time_for_is_counted() -> None:
    dues, _, planned, unreached = serve(SESSIONS, answer=0.6)  # longer than the whole load
    assert planned == len(dues) + unreached
    assert len(dues) == 20 < planned


def test_processes_share_the_sessions_and_plan_the_same_turns() -> None:
    plan = SessionPlan(SESSIONS, 5)
    whole, parts = serve(SESSIONS, answer=0), [serve(SESSIONS, first=i, step=3, answer=0) for i in range(3)]
    assert sum(part[2] for part in parts) == whole[2]
    sessions = Counter(session for part in parts for session in {k // plan.most for k in part[0]})
    assert sessions == dict.fromkeys(range(20), 1)


def test_what_no_slot_took_is_given_up_with_the_turns_behind_it() -> None:
    job = Job(Endpoint("http://127.0.0.1:1"), (), SESSIONS, "", 0.0, seed=5)
    zero = time.monotonic()
    agenda = make_agenda(job, lambda: time.monotonic() - zero, 0, 1)
    agenda.begin(0.0)
    while time.monotonic() - zero < 0.7:
        gevent.sleep(0.05)
    assert agenda.has_left
    left = agenda.take_left()
    assert not agenda.has_left
    assert len(left) == 20
    assert len(left) + agenda.unreached == agenda.planned


@pytest.mark.parametrize("workload", ["auto", "sessions"])
def test_each_caller_of_a_closed_loop_has_one_request_under_way(workload: str) -> None:
    load = LoadSettings(**{**CLOSED.__dict__, "workload": workload})
    dues, ends, planned, unreached = serve(load, slots=4)
    assert planned == len(dues) == len(ends)
    assert unreached == 0
    assert all(0.1 <= due < 0.9 for due in dues.values())
    at_once = [sum(dues[k] <= moment < ends[k] for k in dues) for moment in dues.values()]
    assert max(at_once) <= 4
    assert len(dues) > 4


def test_a_closed_loop_asks_a_slow_service_less() -> None:
    dues, _, planned, _ = serve(CLOSED, slots=4, answer=0.9)  # longer than the whole load
    assert planned == len(dues) == 4
