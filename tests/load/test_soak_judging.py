"""Verdicts on a soak by its record: what changes, leaks, comes periodically or after a pause, and what is too short."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from harness.core.load import LoadResult
from harness.core.soak import Episode, FirstRequest, SoakRecord, Window
from harness.core.verdict import Status, Verdict
from harness.load.soak_judging import judge_cold_start, judge_gauges, judge_period, judge_shares, judge_times

IDLE = ((6900.0, 7200.0), (14100.0, 14400.0), (21300.0, 21600.0))
Times = Callable[[float], float]


def make_windows(
    median: Times = lambda share: 0.2, failed: Times = lambda share: 0.0, count: int = 60
) -> tuple[Window, ...]:
    """Windows of 500 requests; `median` and the share of `failed` by the share of the soak that is over."""
    draw, windows = random.Random(4), []
    for i in range(count):
        share = i / (count - 1)
        p50 = median(share) * draw.lognormvariate(0, 0.03)
        p95 = 2 * median(share) * draw.lognormvariate(0, 0.06)
        bad = round(500 * failed(share))
        windows.append(Window(i * 480.0, (i + 1) * 480.0, 500, bad, bad, {"latency": p50}, {"latency": p95}))
    return tuple(windows)


FIRST = tuple(FirstRequest(end, 0.21) for _, end in IDLE)


def make_result(**changes: object) -> LoadResult:
    """A finished soak of eight hours; `changes` are those of its record."""
    record = replace(SoakRecord(make_windows(), IDLE, 1.0, (), (), FIRST), **changes)  # type: ignore[arg-type]
    return LoadResult(
        "soak", "plain_json", 30_000, 30_000, 30_000, judged=30_000, seconds=28_800.0, finished=True, soak=record
    )


def judge_failures(result: LoadResult) -> Verdict:
    return judge_shares(result, "the share of failures", lambda window: window.failed)


def judge_stalls(result: LoadResult) -> Verdict:
    return judge_period(result, "stalls", lambda soak: soak.stalls)


def judge_memory(result: LoadResult) -> Verdict:
    return judge_gauges(result, "memory", "memory")


def read_gauge(curve: Times) -> tuple[tuple[float, float], ...]:
    draw = random.Random(2)
    return tuple((t * 120.0, curve(t / 240) * draw.gauss(1, 0.001)) for t in range(240))


ALL = (judge_times, judge_failures, judge_stalls, judge_memory, judge_cold_start)


def test_a_healthy_soak_passes_every_check_and_says_what_it_covers() -> None:
    result = make_result(gauges={"process_resident_memory_bytes": read_gauge(lambda share: 2e9)})
    verdicts = [judge(result) for judge in ALL]
    assert [verdict.status for verdict in verdicts] == [Status.PASS] * len(ALL), verdicts
    assert "less than +40.0%" in verdicts[0].reason
    assert "covers periods from 4 s to 80 min" in verdicts[2].reason


def test_times_that_creep_and_times_that_jump_are_told_apart() -> None:
    creeping = judge_times(make_result(windows=make_windows(lambda share: 0.2 * (1 + share))))
    jumping = judge_times(make_result(windows=make_windows(lambda share: 0.2 if share < 0.7 else 0.4)))
    assert creeping.status is jumping.status is Status.FAIL
    assert "steadily" in creeping.reason
    assert "in one step after 5.6 h" in jumping.reason or "in one step after 5.7 h" in jumping.reason


@pytest.mark.parametrize(
    "median",
    [
        lambda share: 0.2 * (1 - 0.5 * share),  # faster
        lambda share: 0.2 * (1 + 0.1 * share),  # within what is tolerated
        lambda share: 0.002 * (1 + share),  # by two milliseconds
    ],
)
def test_times_that_do_not_rise_by_what_matters_pass(median: Times) -> None:
    assert judge_times(make_result(windows=make_windows(median))).status is Status.PASS


def test_a_rise_at_the_limit_is_left_open_and_never_both() -> None:
    verdict = judge_times(make_result(windows=make_windows(lambda share: 0.2 * (1 + 0.3 * share))))
    assert verdict.status is Status.INCONCLUSIVE or "rises" in verdict.reason


def test_failures_that_become_more_fail_and_a_steady_share_does_not() -> None:
    rising = judge_failures(make_result(windows=make_windows(failed=lambda share: 0.1 * share)))
    steady = judge_failures(make_result(windows=make_windows(failed=lambda share: 0.1)))
    assert rising.status is Status.FAIL
    assert steady.status is Status.PASS


def test_stalls_with_a_period_fail_with_it() -> None:
    stalls = tuple(Episode(60.0 * i + 0.3 * (i % 3), 1.2, 0.9) for i in range(40))
    verdict = judge_stalls(make_result(stalls=stalls))
    assert verdict.status is Status.FAIL
    assert "40 stalls come every 60" in verdict.reason


def judge_bursts_of_a_busy_client(held_up: range) -> Verdict:
    """Bursts of a load generator that could not keep up; those of these numbers came when it held requests up."""
    bursts = tuple(Episode(60.0 * i, 1.2, 0.9, held_up=i in held_up) for i in range(40))
    result = replace(make_result(bursts=bursts), client_bound=("the load generator used 97 % of its core",))
    return judge_period(result, "bursts of failures", lambda soak: soak.bursts)


def test_periodic_bursts_fail_although_the_client_is_busy_where_enough_of_them_are_not_its_own() -> None:
    few, all_own = judge_bursts_of_a_busy_client(range(0, 40, 7)), judge_bursts_of_a_busy_client(range(40))
    assert few.status is Status.FAIL
    assert "the 34 bursts of failures at other times come periodically, too" in " ".join(few.notes)
    assert all_own.status is Status.INCONCLUSIVE
    assert all_own.reason.startswith("the load generator did not keep up")


def test_stalls_without_a_period_pass_and_are_counted() -> None:
    draw = random.Random(9)
    stalls = tuple(Episode(begin, 1.0, 0.9) for begin in sorted(draw.uniform(0, 28_800) for _ in range(30)))
    verdict = judge_stalls(make_result(stalls=stalls))
    assert verdict.status is Status.PASS
    assert "30 stalls, not periodic" in verdict.reason


def test_memory_that_grows_and_stays_is_a_leak() -> None:
    leak = {"process_resident_memory_bytes": read_gauge(lambda share: 2e9 * (1 + 0.5 * share))}
    verdict = judge_memory(make_result(gauges=leak))
    assert verdict.status is Status.FAIL
    assert "leaks" in verdict.reason
    assert judge_memory(make_result(gauges=leak, idle_times=())).status is Status.INCONCLUSIVE


def test_a_cache_that_fills_is_shown_and_not_judged() -> None:
    gauges = {
        "process_resident_memory_bytes": read_gauge(lambda share: 2e9),
        "vllm:kv_cache_usage_perc": read_gauge(lambda share: 0.3 + 0.6 * share),
    }
    verdict = judge_memory(make_result(gauges=gauges))
    assert verdict.status is Status.PASS
    assert any("a cache, shown and not judged" in note for note in verdict.notes)


def test_without_a_gauge_nothing_is_green() -> None:
    assert judge_memory(make_result()).status is Status.INCONCLUSIVE


def test_first_requests_after_pauses_that_are_slow_or_fail_are_a_cold_start() -> None:
    slow = tuple(FirstRequest(end, 3.0) for _, end in IDLE)
    failing = tuple(FirstRequest(end, None) for _, end in IDLE)
    for first in (slow, failing, (FIRST[0], *slow[1:])):
        verdict = judge_cold_start(make_result(first=first))
        assert verdict.status is Status.FAIL, verdict
    assert judge_cold_start(make_result(first=(slow[0], *FIRST[1:]))).status is Status.INCONCLUSIVE
    assert judge_cold_start(make_result(first=())).status is Status.INCONCLUSIVE
    assert judge_cold_start(make_result(first=FIRST[:1])).status is Status.INCONCLUSIVE


@pytest.mark.parametrize("judge", [judge_times, judge_failures, judge_stalls, judge_cold_start])
def test_a_soak_that_is_too_short_is_left_open(judge: Callable[[LoadResult], Verdict]) -> None:
    verdict = judge(make_result(windows=make_windows(count=10)))
    assert verdict.status is Status.INCONCLUSIVE
    assert "too short" in verdict.reason


@pytest.mark.parametrize("judge", [judge_times, judge_failures, judge_stalls, judge_cold_start])
def test_a_soak_of_a_few_requests_is_too_short_and_blames_nobody(judge: Callable[[LoadResult], Verdict]) -> None:
    verdict = judge(make_result(windows=()))
    assert verdict.status is Status.INCONCLUSIVE
    assert "too short" in verdict.reason


@pytest.mark.parametrize("judge", ALL)
def test_a_soak_that_did_not_end_passes_nothing(judge: Callable[[LoadResult], Verdict]) -> None:
    result = make_result(gauges={"process_resident_memory_bytes": read_gauge(lambda share: 2e9)})
    assert judge(replace(result, finished=False)).status is Status.ERROR
    assert judge(replace(result, problem="the load generator died")).status is Status.ERROR
    assert judge(replace(result, soak=None)).status is Status.ERROR
    assert judge(replace(result, gone="nobody answers")).status is Status.INCONCLUSIVE


def test_a_load_generator_that_did_not_keep_up_blames_nobody() -> None:
    result = make_result(windows=make_windows(lambda share: 0.2 * (1 + share)))
    verdict = judge_times(replace(result, client_bound=("the load generator used 97 % of its core",)))
    assert verdict.status is Status.INCONCLUSIVE
    assert "did not keep up" in verdict.reason
