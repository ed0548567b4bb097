from __future__ import annotations

from harness.reference.breaker import Breaker, Failure, State
from harness.reference.hardened import Budget


def strike_breaker(weight: float = 2) -> Breaker:
    breaker = Breaker()
    breaker.strike(Failure("gone", weight))
    return breaker


def test_opens_on_two_failures_in_a_row_or_one_that_leaves_no_doubt() -> None:
    assert strike_breaker(1).state is State.CLOSED
    breaker = strike_breaker(1)
    breaker.strike(Failure("again"))
    assert (breaker.state, breaker.ejections, breaker.last_reason) == (State.OPEN, 1, "again")
    assert strike_breaker(2).state is State.OPEN


def test_a_failure_in_ten_never_adds_up_and_one_in_two_does() -> None:
    def after(turns: int, bad_every: int) -> State:
        breaker = Breaker()
        for turn in range(turns):
            breaker.strike(Failure("now and then")) if turn % bad_every == 0 else breaker.record_success()
        return breaker.state

    assert after(1000, 10) is State.CLOSED
    assert after(6, 2) is State.OPEN


def test_closes_after_two_good_probes_in_a_row_only() -> None:
    breaker = strike_breaker()
    for good, state in [
        (True, State.HALF_OPEN),
        (False, State.OPEN),
        (True, State.HALF_OPEN),
        (True, State.CLOSED),
    ]:
        breaker.begin_probe()
        assert breaker.state is State.HALF_OPEN
        breaker.end_probe(None if good else Failure("still"))
        assert breaker.state is state
    assert breaker.score == 0
    assert breaker.ejections == 1


def test_bad_probes_open_it_without_any_traffic() -> None:
    breaker = Breaker()
    for _ in range(2):
        breaker.begin_probe()
        breaker.end_probe(Failure("hangs"))
    assert breaker.state is State.OPEN


def test_the_budget_is_a_share_and_a_burst() -> None:
    budget = Budget(0.2, 3)
    assert [budget.spend() for _ in range(4)] == [True, True, True, False]
    granted = 0
    for _ in range(1000):
        budget.earn()
        granted += budget.spend()
    assert 198 <= granted <= 201
