"""A soak by slices: lines that add up, a record of windows, and what a process keeps does not grow."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from harness.core.load_settings import LoadSettings
from harness.core.soak import SoakRecord
from harness.io.json_lines import read_records
from harness.load.slices import SliceRecorder, make_grid
from harness.load.soak_record import make_soak_record

SOAK = LoadSettings(scenario="soak", rate=50, duration=120, warm_up=6)
Answer = Callable[[float, random.Random], tuple[float | None, bool]]


def answer_as_usual(due: float, draw: random.Random) -> tuple[float | None, bool]:
    return 0.02 * draw.lognormvariate(0, 0.3), True


def list_dues(load: LoadSettings = SOAK) -> list[float]:
    pacer = load.make_pacer(7)
    return [due for k in range(pacer.count) if (due := pacer.get_arrival_time(k)) >= load.judged_from]


def record(answer: Answer = answer_as_usual, processes: int = 1, load: LoadSettings = SOAK) -> list[dict[str, Any]]:
    """The lines of a soak whose requests are answered so, as the file has them."""
    draw, lines = random.Random(3), []
    recorders = [SliceRecorder(load) for _ in range(processes)]
    for k, due in enumerate(list_dues(load)):
        seconds, ok = answer(due, draw)
        recorder = recorders[k % processes]
        recorder.add(due, {"latency": seconds, "ttft": None}, failed=not ok, bad=not ok)
        if k % 40 == 0:
            lines += recorder.take_lines()
    for recorder in recorders:
        lines += recorder.take_lines(everything=True)
    decoded: list[dict[str, Any]] = msgspec.json.decode(msgspec.json.encode(lines))
    return decoded


def make_record(answer: Answer = answer_as_usual, processes: int = 1) -> SoakRecord:
    return make_soak_record(record(answer, processes), SOAK)


def test_every_request_is_in_one_window_and_windows_hold_equally_many() -> None:
    soak = make_record()
    dues = list_dues()
    assert sum(window.requests for window in soak.windows) == len(dues) == SOAK.judged_requests
    assert len(soak.windows) == 60
    assert all(40 <= window.requests <= 140 for window in soak.windows)
    assert soak.windows[0].begin == SOAK.warm_up
    assert soak.windows[-1].end == pytest.approx(SOAK.duration)
    assert all(0.016 < window.p50["latency"] < 0.025 < window.p95["latency"] for window in soak.windows)
    assert all("ttft" not in window.p50 for window in soak.windows)


def test_three_processes_record_what_one_would() -> None:
    one, three = make_record(), make_record(processes=3)
    assert three.windows == one.windows
    assert three.first == one.first


def test_a_record_is_the_same_after_its_way_through_a_file() -> None:
    soak = make_record(lambda due, draw: (None, False) if due > SOAK.idle_times[1][1] else (0.01, True))
    assert msgspec.json.decode(msgspec.json.encode(soak), type=SoakRecord) == soak
    assert [first.seconds for first in soak.first] == [0.01, None, None]


def test_the_first_request_after_each_pause_is_kept() -> None:
    soak, dues = make_record(), list_dues()
    assert [first.due for first in soak.first] == [min(due for due in dues if due >= end) for _, end in soak.idle_times]
    assert len(soak.idle_times) == 3


def test_stalls_and_bursts_are_seen_where_they_are_and_nothing_in_a_healthy_soak() -> None:
    def stall(due: float, draw: random.Random) -> tuple[float | None, bool]:
        return (2 - (due - 40) if 40 <= due < 42 else 0.02), not 100 <= due < 101

    soak, healthy = make_record(stall), make_record()
    (pause,), (burst,) = soak.stalls, soak.bursts
    assert pause.begin == pytest.approx(40, abs=0.6)
    assert pause.seconds == pytest.approx(2, abs=1.1)
    assert pause.worst > 1
    assert burst.begin == pytest.approx(100, abs=0.6)
    assert burst.worst == 1.0
    assert (healthy.stalls, healthy.bursts) == ((), ())


def test_what_a_process_keeps_does_not_grow_with_the_soak() -> None:
    recorder = SliceRecorder(LoadSettings(scenario="soak", rate=2000, duration=100_000, warm_up=0))
    most_pending = 0
    for k in range(60_000):
        recorder.add(k / 50, {"latency": 0.01}, failed=False, bad=False)
        if k % 50 == 0:
            recorder.take_lines()
            most_pending = max(most_pending, len(recorder._pending))
            assert all(len(part.times["latency"]) < 1024 for part in recorder._pending.values())
    assert most_pending <= 2


def test_lines_are_given_once_and_only_when_a_slice_is_over() -> None:
    recorder = SliceRecorder(SOAK)
    seconds = make_grid(SOAK.duration).seconds
    recorder.add(10.01, {"latency": 0.01}, failed=False, bad=False)
    assert len(recorder.take_lines()) == 1
    recorder.add(10.02, {"latency": 0.01}, failed=True, bad=True)
    assert recorder.take_lines() == []
    recorder.add(10.02 + seconds, {"latency": 0.01}, failed=False, bad=False)
    assert [line["requests"] for line in recorder.take_lines()] == [1, 1]
    assert recorder.take_lines(everything=True) == []


@pytest.mark.parametrize("late", [False, True])
def test_an_episode_says_whether_the_load_generator_held_requests_up(late: bool) -> None:
    recorder = SliceRecorder(SOAK)
    width = make_grid(SOAK.duration).bin_seconds
    for k in range(40):
        recorder.add((k + 0.5) * width, {"latency": 0.01}, failed=k == 20, bad=False, held_up=late and k == 19)
    (burst,) = make_soak_record(recorder.take_lines(everything=True), SOAK).bursts
    assert burst.held_up is late


def test_a_torn_line_of_the_file_is_left_out(tmp_path: Any) -> None:
    path = tmp_path / "soak.slices.jsonl"
    path.write_bytes(b'{"slice":1}\n{"slice":')
    assert list(read_records(path)) == [{"slice": 1}]
    assert list(read_records(tmp_path / "nothing")) == []


def test_too_few_requests_give_fewer_windows_or_none() -> None:
    few = LoadSettings(scenario="soak", rate=5, duration=120, warm_up=0)
    soak = make_soak_record(record(load=few), few)
    assert len(soak.windows) == few.requests // 20
    none = LoadSettings(scenario="soak", rate=0.1, duration=120, warm_up=0)
    assert make_soak_record(iter_nothing(), none).windows == ()


def iter_nothing() -> Iterator[dict[str, Any]]:
    return iter(())
