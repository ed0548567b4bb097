"""When the turns of a session are due is fixed by the seed; what cannot be a load of sessions is refused."""

from __future__ import annotations

import pytest

from harness.core.load import LoadResult
from harness.core.load_settings import LoadSettings
from harness.core.workload import MixPart, Spread
from harness.load.sessions import SessionPlan

LOAD = LoadSettings(workload="sessions", rate=5, duration=20, session_turns=Spread(min=1, max=4), think=Spread(mean=2))
CLOSED = LoadSettings(arrivals="closed", concurrency=3, duration=10, warm_up=1, think=Spread(mean=2))


def test_the_seed_decides_turns_and_pauses() -> None:
    load = LoadSettings(workload="sessions", session_turns=Spread(min=1, max=4))
    first, again, other = (SessionPlan(load, seed) for seed in (1, 1, 2))
    sessions = [first.draw_pauses(session) for session in range(400)]
    assert sessions == [again.draw_pauses(session) for session in range(400)]
    assert sessions != [other.draw_pauses(session) for session in range(400)]
    assert {len(pauses) for pauses in sessions} == {1, 2, 3, 4}
    pauses = [pause for session in sessions for pause in session]
    assert min(pauses) >= 0.2
    assert max(pauses) <= 10
    assert sum(pauses) / len(pauses) == pytest.approx(2, rel=0.1)


def test_a_planned_turn_is_one_that_answers_without_delay_would_reach() -> None:
    plan = SessionPlan(LOAD, 7)
    session = next(number for number in range(100) if len(plan.draw_pauses(number)) == 4)
    planned = [plan.count_planned(session, begin) for begin in (0, 13.9, 14, 16.5, 19.9, 20)]
    assert planned == [4, 4, 3, 2, 1, 0]


@pytest.mark.parametrize("most", [1, 2.4])
def test_the_largest_number_of_turns_is_never_exceeded(most: float) -> None:
    load = LoadSettings(workload="sessions", session_turns=Spread(mean=1, stdev=5, min=1, max=most))
    plan = SessionPlan(load, 3)
    assert max(len(plan.draw_pauses(session)) for session in range(200)) <= load.most_turns == plan.most


def test_callers_of_a_closed_loop_do_not_begin_together() -> None:
    plan = SessionPlan(CLOSED, 1)
    begins = [plan.draw_begin(session) for session in range(50)]
    assert 0 <= min(begins) < 0.5 < 1.5 < max(begins) <= 2
    assert SessionPlan(LoadSettings(arrivals="closed"), 1).draw_begin(3) == 0


def test_the_number_of_requests_is_bounded_beforehand() -> None:
    assert (LOAD.sessions, LOAD.requests) == (100, 400)
    assert (LOAD.loop, CLOSED.loop, LoadSettings().loop) == ("sessions", "closed", "")
    assert CLOSED.requests == 3 * 5
    assert 0 < CLOSED.judged_requests < CLOSED.requests
    assert LoadSettings(arrivals="closed", duration=1e6).requests == 1_000_000
    agents = LoadSettings(workload="agent", arrivals="closed", duration=1e6, think=Spread(max=0.0))
    assert agents.requests <= 1_000_000


@pytest.mark.parametrize(
    ("load", "key", "words"),
    [
        (LoadSettings(think=Spread(mean=1)), "think", "needs a caller who waits"),
        (LoadSettings(session_turns=Spread(mean=3)), "session_turns", "is of sessions"),
        (
            LoadSettings(workload="sessions", session_turns=Spread(mean=500)),
            "session_turns",
            "from 1 to 200, got at most 500",
        ),
        (LoadSettings(workload="sessions", session_turns=Spread(mean=0.2)), "session_turns", "from 1 to 200"),
        (
            LoadSettings(workload="sessions", session_turns=Spread(min=3)),
            "session_turns.max",
            "a uniform distribution needs",
        ),
        (LoadSettings(workload="sessions", think=Spread(mean=1, stdev=-1)), "think.stdev", "must be 0 or more"),
        (LoadSettings(workload="agent", scale=2), "scale", "at most 1, the published size"),
        (LoadSettings(arrivals="closed", scenario="ramp"), "arrivals", "no rate that a ramp could change"),
        (LoadSettings(arrivals="closed", scenario="soak"), "arrivals", "no rate that a soak could change"),
        (LoadSettings(workload="sessions", scenario="soak"), "workload", "sessions cannot be a soak"),
        (LoadSettings(workload="sessions", scenario="replay", times=[0.0]), "workload", "sessions cannot be a replay"),
        (LoadSettings(workload="sessions", rate=1000, duration=900), "rate", "times turns is over 1,000,000"),
        (
            LoadSettings(workload="mix", mix=[MixPart(workload="agent")]),
            "mix.0.workload",
            "a part of a mix is no agent itself",
        ),
    ],
)
def test_what_cannot_be_such_a_load_is_refused_with_its_key(load: LoadSettings, key: str, words: str) -> None:
    problem = load.find_problem()
    assert problem is not None
    assert problem[0] == key
    assert words in problem[1]


def test_sessions_and_closed_loops_that_are_possible_are_not_refused() -> None:
    for load in (LOAD, CLOSED, LoadSettings(workload="agent"), LoadSettings(workload="sessions", scenario="ramp")):
        assert load.find_problem() is None


def test_the_result_says_what_no_schedule_decides() -> None:
    closed = LoadResult("steady", "v2", 10, loop="closed", schedule=CLOSED.describe_rate()).describe_loop()
    assert "3 callers, each asks again 2 s after its answer" in closed
    assert "latency counts from the send" in closed
    assert "coordinated omission" in closed
    sessions = LoadResult("steady", "v2", 10, loop="sessions", schedule=LOAD.describe_rate(), unreached=4)
    assert "5 sessions/s for 20 s, each of 1 to 4 turns" in sessions.describe_loop()
    assert "4 of 10 planned turns were not sent" in sessions.describe_loop()
    assert LoadResult("steady", "v2", 10).describe_loop() == ""
