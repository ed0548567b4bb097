"""The counts of several processes add up to what one process would have counted."""

from __future__ import annotations

import random
from dataclasses import replace

from harness.core.endpoint import Endpoint
from harness.core.errors import ErrorClass
from harness.core.exchange import Exchange, Request, Response, Timing
from harness.core.load import Job, LoadResult
from harness.core.load_settings import LoadSettings
from harness.load.answer_reader import RawExchange
from harness.load.counts import WorkerCounts, decode_counts, encode_counts, sum_counts
from harness.load.load_result import make_load_result
from harness.load.recorder import Recorder

ASKED = Request("POST", "/predict", (), b"{}")
JOB = Job(
    Endpoint("http://127.0.0.1:1", "plain_json"), (ASKED,), LoadSettings(rate=50, duration=20, warm_up=2), "", 0.0,
    {"latency": (0.3,)},
)  # fmt: skip


def exchanges() -> list[Exchange]:
    """A thousand, one in twenty failed, a third process's part four times as slow."""
    draw = random.Random(5)
    sent = []
    for k in range(1000):
        at, took = 1.0 + k / 50, draw.expovariate(10 if k % 3 else 2.5)
        timing = Timing(at, at + draw.random() * 1e-3, at + took, (), at + took)
        bad = k % 20 == 0
        sent.append(Exchange(ASKED, timing, Response(200), error=ErrorClass.STATUS if bad else None, detail="500"))
    return sent


def record(part: list[Exchange]) -> WorkerCounts:
    """What a worker with these exchanges counts, as the master receives it."""
    recorder = Recorder(JOB)
    recorder.begin(1.0)
    for exchange in part:
        recorder.counts.sent += 1
        recorder.add(exchange, RawExchange(exchange.timing.sent or 0.0))
    recorder.counts.finished = True
    return decode_counts(encode_counts(recorder.flush()))


def add_up(*parts: WorkerCounts) -> LoadResult:
    return make_load_result(JOB, sum_counts(parts), 1.0, finished=True)


def test_the_sum_of_three_processes_is_what_one_would_have_record() -> None:
    whole = exchanges()
    one, three = add_up(record(whole)), add_up(*(record(whole[i::3]) for i in range(3)))
    assert replace(three, failures=()) == replace(one, failures=(), flow=None)  # several processes have no one order
    assert len(three.failures) == len(one.failures) == 3
    assert one.judged == 900


def test_the_p90_is_that_of_the_whole_sample() -> None:
    """The slow third lies above the common p90 far more often than above its own."""
    parts = [record(exchanges()[i::3]) for i in range(3)]
    over = sum(add_up(*parts).blocks["latency"].over_quantiles[-1])
    assert 0.08 * 900 <= over <= 0.1 * 900
    slow = add_up(parts[0]).blocks["latency"]
    assert sum(slow.over_quantiles[-1]) <= 0.1 * 300


def test_one_process_without_an_answer_is_not_the_end_of_the_service() -> None:
    gone, well = record([]), record(exchanges())
    gone.gone = "no request was answered for 5 s"
    assert add_up(gone, well).gone is None
    assert add_up(gone, gone).gone is not None


def test_clocks_that_disagree_are_reported() -> None:
    counts = record(exchanges())
    counts.skew = 0.6
    assert any("differ by 0.6 s" in reason for reason in add_up(record(exchanges()), counts).client_bound)


def test_a_pause_is_not_a_silence_of_the_service() -> None:
    """After a pause of 60 s ten requests fail at once, and the next is answered: the service is there."""
    load = LoadSettings(scenario="soak", rate=50, duration=300, warm_up=0, pauses=1, pause=60)
    recorder = Recorder(replace(JOB, load=load))
    recorder.begin(0.0)

    def add(at: float, error: ErrorClass | None) -> None:
        raw = RawExchange(at, ended=at + 0.01, awake=at + 0.01)
        recorder.add(Exchange(ASKED, Timing(at, at, at + 0.01, (), at + 0.01), Response(200), error=error), raw)

    add(119.0, None)
    for k in range(20):
        add(181 + k * 0.02, ErrorClass.CLOSED)
    assert recorder.counts.gone is None
    for k in range(20):
        add(187 + k * 0.02, ErrorClass.CLOSED)
    assert "no request was answered for 6" in str(recorder.counts.gone)
