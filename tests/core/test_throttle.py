"""The pace that is learned from refusals: times are given, nothing sleeps."""

from __future__ import annotations

from harness.core.throttle import LONGEST_PAUSE, Throttle


def accept(throttle: Throttle, times: int, start: float = 0.0, gap: float = 0.01) -> None:
    for number in range(times):
        throttle.note_accepted(start + number * gap)


def test_the_pace_is_a_little_under_what_was_accepted() -> None:
    throttle = Throttle()
    accept(throttle, 20)
    assert throttle.note_declined(0.5, 1.0, alone=True) == 1.0
    assert round(1 / throttle.gap) == 18
    assert "slowed down to 18 requests/s" in throttle.describe()


def test_of_several_at_once_their_number_may_have_been_too_large() -> None:
    throttle = Throttle()
    accept(throttle, 20)
    assert throttle.note_declined(0.5, 1.0, alone=False) == 1.0
    assert throttle.gap == 0.0
    assert "sent them again later" in throttle.describe()


def test_a_gap_that_was_too_short_grows_and_shrinks_in_time() -> None:
    throttle = Throttle()
    accept(throttle, 20)
    throttle.note_declined(0.5, 1.0, alone=True)
    first = throttle.gap
    throttle.note_declined(0.6, 1.0, alone=True)
    assert throttle.gap > first
    longer = throttle.gap
    accept(throttle, 100, start=1.0)
    assert throttle.gap < longer


def test_pauses_without_a_statement_grow_to_a_bound() -> None:
    throttle = Throttle()
    pauses = [throttle.note_declined(0.0, None, alone=False, tries=tries) for tries in range(12)]
    assert pauses[:3] == [0.25, 0.5, 1.0]
    assert pauses[-1] == LONGEST_PAUSE


def test_no_pace_is_learned_from_a_quota_or_before_anything_was_accepted() -> None:
    throttle = Throttle()
    throttle.note_declined(0.0, 1.0, alone=True)
    accept(throttle, 20)
    throttle.note_declined(0.5, 3600.0, alone=True)
    assert throttle.gap == 0.0


def test_no_window_of_time_holds_more_than_the_pace_allows() -> None:
    throttle = Throttle()
    throttle.gap = 0.1
    sent: list[float] = []
    now = 0.0
    for requests in (1, 1, 10, 1, 5, 1, 1, 1, 10, 1, 1):
        now += throttle.reserve_turn(now, requests)
        sent += [now] * requests
    for moment in sent:
        assert sum(moment <= other < moment + 1.0 - 1e-9 for other in sent) <= 11


def test_a_wait_that_is_only_asked_for_moves_no_turn() -> None:
    throttle = Throttle()
    throttle.gap = 2.0
    throttle.reserve_turn(0.0)
    assert [throttle.find_wait(1.0), throttle.find_wait(1.0), throttle.find_wait(1.0, 3)] == [1.0, 1.0, 5.0]
    assert throttle.reserve_turn(1.0) == 1.0


def test_nothing_is_said_where_nothing_was_declined() -> None:
    throttle = Throttle()
    accept(throttle, 3)
    assert (throttle.describe(), throttle.burst, throttle.reserve_turn(5.0)) == ("", None, 0.0)


def test_fewer_at_once_are_tried_until_all_are_taken() -> None:
    throttle = Throttle()
    assert throttle.limit_at_once(12) == 12
    throttle.note_crowded(12)
    throttle.note_crowded(throttle.limit_at_once(12))
    assert throttle.limit_at_once(12) == 3
    assert throttle.limit_at_once(2) == 2
    throttle.note_declined(0.0, 1.0, alone=False)
    assert "at most 3 at once" in throttle.describe()
