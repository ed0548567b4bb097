"""Who of several workers is silent, lost, or finished, and what that makes of the load."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.core.load import LoadResult, WorkerShare, find_client_limits, find_delays
from harness.core.report import Generator
from harness.core.verdict import Status
from harness.load.counts import WorkerCounts, sum_counts
from harness.load.judging import judge_answers, judge_errors, judge_failures
from harness.load.load_result import make_load_result
from harness.load.worker_table import SILENT, WorkerTable
from tests.load.test_counts import JOB, exchanges, record

NAMES = ("one", "two", "three")
BARE = replace(record([]), finished=False)


def fill(*parts: WorkerCounts) -> WorkerTable:
    table = WorkerTable(NAMES, 1000)
    for i, counts in enumerate(parts):
        table.add(i, counts)
    return table


def test_a_silent_worker_is_lost_until_it_is_heard_of_again() -> None:
    table = fill(BARE, BARE, BARE)
    table.pass_time(SILENT)
    table.add(0, BARE)
    table.add(2, BARE)
    assert table.list_lost() == []
    table.pass_time(0.1)
    assert table.list_lost() == [1]
    table.add(1, BARE)
    assert table.list_lost() == []


def test_a_finished_worker_may_be_silent() -> None:
    table = fill(record([]), BARE, BARE)
    table.pass_time(SILENT + 1)
    assert table.list_lost() == [1, 2]
    assert table.have_ended


def test_a_load_whose_workers_are_all_lost_has_not_ended() -> None:
    table = fill(BARE, BARE, BARE)
    table.pass_time(SILENT + 1)
    assert not table.have_ended
    assert not fill(record([]), BARE, BARE).have_ended


def test_a_worker_that_never_joined_is_lost_too() -> None:
    table = fill(BARE, BARE)
    assert not table.have_joined
    table.pass_time(SILENT + 1)
    assert table.list_lost() == [0, 1, 2]
    assert table.list_shares()[2] == WorkerShare("load worker 3 of 3 (three)", 333, 0, 0, None, 0.0, 0.0, 0.0, True)


def test_the_service_is_gone_where_all_who_are_left_find_it_gone() -> None:
    gone = replace(BARE, gone="no request was answered")
    assert fill(gone, gone).gone is None, "the third is not heard of, and not lost yet"
    table = fill(gone, gone, BARE)
    assert table.gone is None
    table.pass_time(SILENT + 1)
    table.add(0, gone)
    table.add(1, gone)
    assert table.gone == "no request was answered"


def lose_one(failed: bool = False) -> LoadResult:
    """A load of three workers of which the second died after a third of its requests."""
    asked = [exchange for exchange in exchanges() if failed or exchange.ok]
    parts = [record(asked[i::3]) for i in range(3)]
    parts[1] = replace(record(asked[1 : len(asked) // 3 : 3]), finished=False)
    table = fill(*parts)
    table.pass_time(SILENT + 1)
    counts = sum_counts(table.parts)
    return make_load_result(JOB, counts, 1.0, finished=table.have_ended, workers=table.list_shares())


def test_nothing_passes_without_the_share_of_a_lost_worker() -> None:
    result = lose_one()
    loss = result.losses[0]
    assert loss.startswith("load worker 2 of 3 (two) died or lost its connection: of its 333 requests ")
    assert result.client_bound[0] == loss
    judged = [judge_errors(result), judge_failures(result, []), judge_answers(replace(result, compared=9))]
    for verdict in judged:
        assert verdict.status is Status.INCONCLUSIVE
        assert loss in verdict.reason


def test_a_failure_that_is_known_stays_one() -> None:
    result = replace(lose_one(), wrong_count=1, compared=9, wrong=lose_one(failed=True).failures[:1])
    assert judge_answers(result).status is Status.FAIL


@pytest.mark.parametrize("sent", [99, 100])
def test_a_worker_that_lags_behind_the_others_is_named(sent: int) -> None:
    """A hundred workers: the late sends of one are under 1 % of all."""
    others = tuple(WorkerShare(f"worker {i}", 500, 500, 500, 0.001, 0.1, 0.01, 0.0) for i in range(99))
    slow = WorkerShare("worker 99", 500, sent, sent, 0.8, 0.95, 0.4, 0.3)
    result = LoadResult(
        "steady", "v2", 50_000, generator=Generator(50, 50, 0.001, 0.95), stall=0.4, skew=0.3,
        workers=(*others, slow), finished=True,
    )  # fmt: skip
    late = find_delays(result, [1.0])
    assert late[-1] == "the loop of worker 99 stood still for 0.4 s"
    assert [reason.endswith("by worker 99") for reason in late[:-1]] == [True] * (sent == 100)
    bound = find_client_limits(result)
    assert bound[0] == "worker 99 used 95 % of its core"
    assert bound[1].endswith("most that of worker 99")
