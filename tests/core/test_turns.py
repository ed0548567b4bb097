"""The turns of two endpoints: each gets the whole schedule, never both at once, in an order that the seed draws."""

from __future__ import annotations

import pytest

from harness.core.load_settings import LoadSettings
from harness.core.turns import PAIRS, Turns, count_pairs, make_turns

LOAD = LoadSettings(rate=20, duration=33, warm_up=3)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("warm_up", [0.0, 3.0])
def test_each_endpoint_gets_the_whole_schedule_and_never_both_at_once(seed: int, warm_up: float) -> None:
    turns = make_turns(LoadSettings(rate=20, duration=33, warm_up=warm_up), seed)
    other = turns.swap()
    times = [k * 33 / 5000 for k in range(5000)]
    ours, theirs = ([side.find_time(time) for time in times] for side in (turns, other))
    assert ours == sorted(ours)
    assert max(*ours, *theirs) < turns.seconds == 66
    for side, run in ((turns, ours), (other, theirs)):
        assert [side.find_scheduled(time) for time in run] == pytest.approx(times)
    # A turn of one lies wholly before or after that of the other, in the same pair.
    for i, (begin, end) in enumerate(zip(turns.bounds, turns.bounds[1:], strict=False)):
        middle = begin + end
        first, second = (turns, other) if turns.is_first[i] else (other, turns)
        assert first.find_time(begin) == pytest.approx(2 * begin)
        assert second.find_time(begin) == pytest.approx(middle)


def test_the_schedule_stands_still_in_the_turn_of_the_other() -> None:
    turns = Turns((0.0, 1.0, 2.0), (True, False))
    assert [turns.find_scheduled(time) for time in (0.5, 1.0, 1.9, 2.5, 3.0, 3.5, 4.0, 9.0)] == [
        0.5, 1.0, 1.0, 1.0, 1.0, 1.5, 2.0, 2.0,
    ]  # fmt: skip
    other = turns.swap()
    assert [other.find_scheduled(time) for time in (0.5, 1.0, 1.5, 2.5, 3.5)] == [0.0, 0.0, 0.5, 1.5, 2.0]


def test_half_of_the_pairs_begin_with_each_and_the_seed_draws_which() -> None:
    orders = [make_turns(LOAD, seed).is_first[1:] for seed in range(20)]
    assert all(sum(order) == len(order) // 2 for order in orders)
    assert len(set(orders)) > 15
    assert make_turns(LOAD, 7) == make_turns(LOAD, 7)


@pytest.mark.parametrize(
    ("duration", "turn", "pairs"), [(123, 2, 60), (33, 2, 15), (33, 5, 6), (6, 2, 6), (33, 0.1, 60)]
)
def test_turns_are_as_long_as_wanted_and_at_least_six_pairs(duration: float, turn: float, pairs: int) -> None:
    load = LoadSettings(rate=20, duration=duration, warm_up=3, turn=turn)
    assert count_pairs(load) == pairs in PAIRS
    assert len(make_turns(load, 1).is_first) == pairs + 1
