"""How long a run waits for a service that hangs, with times that are given."""

from __future__ import annotations

from dataclasses import replace

from harness.core.endpoint import Deadlines
from harness.core.errors import BudgetExhausted, ErrorClass
from harness.core.exchange import Exchange, Request, Timing
from harness.core.patience import SHORT_WAITS, WHOLE_WAITS, Patience

FULL = Deadlines()
REQUEST = Request("POST", "/predict")


def hang(patience: Patience, at: float, seconds: float = 30.0) -> Exchange:
    """A request that gets no answer: what is judged in its place."""
    lost = Exchange(REQUEST, Timing(at), error=ErrorClass.FIRST_BYTE_TIMEOUT, detail="no byte")
    return patience.note(lost, patience.deadlines, at + seconds)


def answer(patience: Patience, seconds: float) -> None:
    answered = Exchange(REQUEST, Timing(0.0, 0.0, first_byte=seconds, done=seconds))
    assert patience.note(answered, patience.deadlines, seconds) is answered


def test_a_check_waits_for_one_whole_deadline() -> None:
    patience = Patience(FULL)
    with patience.limit():
        patience.begin_attempt()
        assert patience.deadlines == FULL
        assert hang(patience, 0).error is ErrorClass.FIRST_BYTE_TIMEOUT
        assert (patience.deadlines.first_byte, patience.deadlines.total) == (2.0, 5.0)
        cut = hang(patience, 30, 2)
        assert cut.error is ErrorClass.UNAWAITED
        assert "1 request of this run got no answer within the whole deadline, 30 s in all" in cut.detail
        patience.begin_attempt()
        assert patience.deadlines == FULL, "the next attempt may wait again"


def test_a_slow_service_is_waited_for_ten_times_as_long_as_it_took() -> None:
    patience = Patience(FULL)
    answer(patience, 0.7)
    answer(patience, 0.3)
    with patience.limit():
        hang(patience, 10)
        assert patience.deadlines == replace(FULL, first_byte=7.0, inter_token=7.0, total=7.0)
    slow = Patience(FULL)
    answer(slow, 20)
    with slow.limit():
        hang(slow, 30)
        assert slow.deadlines == FULL, "never longer than the deadline"


def test_a_run_waits_for_a_few_whole_deadlines_and_then_ends() -> None:
    patience, now = Patience(FULL), 0.0
    with patience.limit():
        while patience.deadlines == FULL:
            patience.begin_attempt()
            assert hang(patience, now).error is ErrorClass.FIRST_BYTE_TIMEOUT
            patience.begin_attempt()
            now += 30
        assert now == patience.waited == WHOLE_WAITS * FULL.total
        ended = ""
        while not ended and now < 1000:
            assert hang(patience, now, 2).error is ErrorClass.UNAWAITED
            now += 2
            try:
                patience.begin_attempt()
            except BudgetExhausted as over:
                ended = str(over)
        assert "the service hangs: 6 requests of this run" in ended
        assert now <= (WHOLE_WAITS + SHORT_WAITS) * FULL.total + 2


def test_requests_that_wait_side_by_side_count_once() -> None:
    patience = Patience(FULL)
    with patience.limit():
        for _ in range(50):
            lost = Exchange(REQUEST, Timing(0.0), error=ErrorClass.TOTAL_TIMEOUT)
            assert patience.note(lost, FULL, 60.0) is lost, "each of them had its whole deadline"
        assert patience.waited == 60.0


def test_nothing_is_cut_outside_the_limit() -> None:
    patience = Patience(FULL)
    for start in range(100):
        assert hang(patience, 30.0 * start).error is ErrorClass.FIRST_BYTE_TIMEOUT
    with patience.limit():
        hang(patience, 5000.0)
    assert patience.deadlines == FULL
    assert patience.hangs == 1
