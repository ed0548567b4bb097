from __future__ import annotations

import random

import pytest

from harness.checks.isolation.prefix_timing import (
    CONTROL_PAIRS,
    FIRST_PAIRS,
    MOST_PAIRS,
    PrefixPair,
    judge_prefix_isolation,
    sees_cache,
    shows_leak,
)
from harness.core.errors import ErrorClass
from harness.core.exchange import Answer, Exchange, Request, Response, Timing, Usage
from harness.core.verdict import Counterexample, Status, Verdict


def answer(seconds: float, cached: int | None = None, *, failed: bool = False) -> Exchange:
    whole = None if failed else Answer("a", usage=Usage(300, 1, 301, cached_tokens=cached))
    error = ErrorClass.STATUS if failed else None
    return Exchange(Request("POST", "/"), Timing(0.0, 1.0, done=1.0 + seconds), Response(200), whole, error=error)


def pairs(count: int, faster: int, cached: tuple[int | None, int | None] = (None, None)) -> list[PrefixPair]:
    """So many pairs; in the first `faster` of them the known prompt is faster."""
    times = [(0.01, 0.04) if number < faster else (0.04, 0.01) for number in range(count)]
    return [PrefixPair(answer(known, cached[0]), answer(fresh, cached[1])) for known, fresh in times]


SEEN = pairs(CONTROL_PAIRS, CONTROL_PAIRS)


def judge_pairs(control: list[PrefixPair], asked: list[PrefixPair]) -> Verdict:
    return judge_prefix_isolation(control, asked, lambda summary, exchange: Counterexample(summary))


@pytest.mark.parametrize(
    ("faster", "status"),
    [(48, Status.PASS), (53, Status.PASS), (55, Status.INCONCLUSIVE), (60, Status.INCONCLUSIVE), (63, Status.FAIL)],
)
def test_the_share_of_faster_pairs_decides(faster: int, status: Status) -> None:
    assert judge_pairs(SEEN, pairs(MOST_PAIRS, faster)).status is status


def test_a_clear_leak_is_seen_after_the_first_pairs() -> None:
    verdict = judge_pairs(SEEN, pairs(FIRST_PAIRS, 32))
    assert verdict.status is Status.FAIL
    assert (
        "callers share a prefix cache: what another caller asked is answered sooner in 32 of 40 pairs" in verdict.reason
    )
    assert verdict.counterexamples


def test_too_few_pairs_never_pass() -> None:
    assert judge_pairs(SEEN, pairs(FIRST_PAIRS, 20)).status is Status.INCONCLUSIVE
    assert judge_pairs(SEEN, []).status is Status.INCONCLUSIVE


def test_without_a_cache_nothing_is_shown() -> None:
    assert sees_cache(pairs(CONTROL_PAIRS, 15))
    assert not sees_cache(pairs(CONTROL_PAIRS, 14))
    verdict = judge_pairs(pairs(CONTROL_PAIRS, 10), pairs(MOST_PAIRS, 48))
    assert verdict.status is Status.INCONCLUSIVE
    assert "no prefix cache is seen" in verdict.reason


def test_a_stated_count_needs_no_times() -> None:
    verdict = judge_pairs(SEEN, pairs(FIRST_PAIRS, 20, (288, 0)))
    assert verdict.status is Status.FAIL
    assert "288 tokens of another caller's prompt are stated as cached" in verdict.reason
    assert judge_pairs(SEEN, pairs(MOST_PAIRS, 48, (0, 0))).status is Status.PASS
    assert judge_pairs(SEEN, pairs(MOST_PAIRS, 48, (16, 16))).status is Status.PASS  # a common template


def test_failed_requests_are_no_pairs() -> None:
    broken = [PrefixPair(answer(0.01), answer(0.04, failed=True))] * 10
    assert judge_pairs(SEEN, pairs(MOST_PAIRS - 9, 44) + broken[:9]).status is Status.PASS
    assert judge_pairs(SEEN, pairs(MOST_PAIRS - 10, 43) + broken).status is Status.INCONCLUSIVE
    assert judge_pairs(SEEN[:17], pairs(MOST_PAIRS, 48)).status is Status.INCONCLUSIVE


@pytest.mark.simulation
@pytest.mark.parametrize(("share", "status", "least"), [(0.5, Status.PASS, 0.85), (0.8, Status.FAIL, 0.99)])
def test_error_rates_and_power(share: float, status: Status, least: float) -> None:
    source, hits, wrong, runs = random.Random(4), 0, 0, 2000
    for _ in range(runs):
        asked = pairs(FIRST_PAIRS, sum(source.random() < share for _ in range(FIRST_PAIRS)))
        if not shows_leak(asked):
            more = MOST_PAIRS - FIRST_PAIRS
            asked += pairs(more, sum(source.random() < share for _ in range(more)))
        verdict = judge_pairs(SEEN, asked).status
        hits += verdict is status
        wrong += verdict is (Status.FAIL if status is Status.PASS else Status.PASS)
    assert hits / runs >= least
    assert wrong / runs <= 0.01
