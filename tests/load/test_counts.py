"""Shares of several processes: what they add up to is what one process would have counted."""

from __future__ import annotations

import random
from dataclasses import replace

from harness.core.endpoint import Endpoint
from harness.core.errors import ErrorClass
from harness.core.exchange import Exchange, Request, Response, Timing
from harness.core.load import Job, LoadResult
from harness.core.settings import LoadSettings
from harness.load.counts import WorkerCounts, decode_counts, encode_counts, make_load_result, sum_counts
from harness.load.recorder import Recorder

ASKED = Request("POST", "/predict", (), b"{}")
JOB = Job(
    Endpoint("http://127.0.0.1:1", "plain_json"), (ASKED,), LoadSettings(rate=50, duration=20, warm_up=2), "", 0.0,
    {"latency": (0.3,)},
)  # fmt: skip


def exchanges() -> list[Exchange]:
    """A thousand, one in twenty failed, a third process's part four times as slow."""
    draw = random.Random(5)
    found = []
    for k in range(1000):
        at, took = 1.0 + k / 50, draw.expovariate(10 if k % 3 else 2.5)
        timing = Timing(at, at + draw.random() * 1e-3, at + took, (), at + took)
        bad = k % 20 == 0
        found.append(Exchange(ASKED, timing, Response(200), error=ErrorClass.STATUS if bad else None, detail="500"))
    return found


def counted(which: list[Exchange]) -> WorkerCounts:
    tally = Recorder(JOB)
    tally.t0 = 1.0
    for exchange in which:
        tally.share.sent += 1
        tally.add(exchange)
    tally.share.over = True
    return decode_counts(encode_counts(tally.flush()))


def came_to(*shares: WorkerCounts) -> LoadResult:
    return make_load_result(JOB, sum_counts(shares), 1.0, finished=True)


def test_the_sum_of_three_processes_is_what_one_would_have_counted() -> None:
    whole = exchanges()
    one, three = came_to(counted(whole)), came_to(*(counted(whole[i::3]) for i in range(3)))
    assert replace(three, failures=()) == replace(one, failures=())
    assert len(three.failures) == len(one.failures) == 3
    assert one.judged == 900


def test_the_p90_is_that_of_the_whole_sample() -> None:
    """The slow third lies above the common p90 far more often than above its own."""
    parts = [counted(exchanges()[i::3]) for i in range(3)]
    over = sum(came_to(*parts).blocks["latency"].over_p90)
    assert 0.08 * 900 <= over <= 0.1 * 900
    slow = came_to(parts[0]).blocks["latency"]
    assert sum(slow.over_p90) <= 0.1 * 300


def test_one_process_without_an_answer_is_not_the_end_of_the_service() -> None:
    gone, well = counted([]), counted(exchanges())
    gone.gone = "no request of 5 s was answered"
    assert came_to(gone, well).gone is None
    assert came_to(gone, gone).gone is not None


def test_clocks_that_disagree_are_told() -> None:
    share = counted(exchanges())
    share.skew = 0.6
    assert any("0.6 s apart" in reason for reason in came_to(counted(exchanges()), share).client_bound)
