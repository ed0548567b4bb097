"""How a service queues, seen in the order and the times of its answers: simulated queues of known kind."""

from __future__ import annotations

import heapq
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pytest

from harness.core.flow import Flow, LevelCount
from harness.core.load import LoadResult
from harness.core.report import Generator
from harness.core.verdict import Status, Verdict
from harness.load.flow import FlowLog
from harness.load.flow_judging import judge_blocking, judge_bound, judge_cliff, judge_fairness

JUDGES: dict[str, Callable[[LoadResult], Verdict]] = {
    "fair": judge_fairness, "unblocked": judge_blocking, "no_cliff": judge_cliff, "bounded": judge_bound,
}  # fmt: skip
SECONDS = 10.0


@dataclass
class Arrival:
    at: float
    seconds: float
    size: int


def draw_arrivals(
    draw: random.Random, rate: float, sample: Callable[[random.Random], tuple[float, int]]
) -> list[Arrival]:
    at, arrivals = 0.0, []
    while (at := at + draw.expovariate(rate)) < SECONDS:
        arrivals.append(Arrival(at, *sample(draw)))
    return arrivals


def draw_steps(draw: random.Random, *rates: float) -> list[Arrival]:
    """Arrivals at these rates one after another."""
    arrivals = [draw_arrivals(draw, rate, lambda d: (0.2, 100)) for rate in rates]
    span = SECONDS / len(rates)
    return [replace(a, at=i * span + a.at / len(rates)) for i, part in enumerate(arrivals) for a in part[:: len(rates)]]


def simulate(
    arrivals: Sequence[Arrival], slots: int, choose: Callable[[list[Arrival]], int] = lambda waiting: 0,
    slow_down: Callable[[int], float] = lambda in_flight: 1.0, most_waiting: int = 10**9,
) -> Flow:  # fmt: skip
    """A queue before `slots` servers. `choose` says who is next, `slow_down` by how much service is slower."""
    log, waiting, busy = FlowLog(), [], []  # type: FlowLog, list[Arrival], list[tuple[float, Arrival]]
    coming = list(arrivals)
    while coming or busy:
        if coming and (not busy or coming[0].at <= busy[0][0]):
            now, arrival = coming[0].at, coming.pop(0)
            if len(waiting) >= most_waiting:
                log.add(now, None, now + 0.001, arrival.size, 10)
                log.refused += 1
            else:
                waiting.append(arrival)
        else:
            now, done = heapq.heappop(busy)
            log.add(done.at, now, now, done.size, 100)
        while waiting and len(busy) < slots:
            arrival = waiting.pop(choose(waiting))
            seconds = arrival.seconds * slow_down(len(waiting) + len(busy) + 1)
            heapq.heappush(busy, (now + seconds + len(busy) * 1e-9, arrival))
    return log.summarise(0.0, SECONDS)


def judge_all(flow: Flow | None) -> dict[str, Status]:
    result = LoadResult("steady", "x", 300, 300, 300, flow=flow, finished=True)
    return {name: judge(result).status for name, judge in JUDGES.items()}


def find_failures(flow: Flow) -> list[str]:
    return [name for name, status in judge_all(flow).items() if status is Status.FAIL]


def last(waiting: list[Arrival]) -> int:
    return len(waiting) - 1


HEALTHY: dict[str, Callable[[random.Random], Flow]] = {
    "idle": lambda draw: simulate(draw_arrivals(draw, 30, lambda d: (0.02, 100)), 8),
    "busy": lambda draw: simulate(draw_arrivals(draw, 36, lambda d: (0.1, 100)), 4),
    "one server": lambda draw: simulate(draw_arrivals(draw, 30, lambda d: (0.025, 100)), 1),
    "exponential times": lambda draw: simulate(draw_arrivals(draw, 60, lambda d: (d.expovariate(10), 100)), 16),
    "two speeds": lambda draw: simulate(
        draw_arrivals(draw, 50, lambda d: (d.expovariate(10 if d.random() < 0.67 else 2.5), 100)), 64
    ),
    "long and short": lambda draw: simulate(
        draw_arrivals(draw, 30, lambda d: (0.5, 5000) if d.random() < 0.1 else (0.02, 100)), 8
    ),
    "jitter": lambda draw: simulate(draw_arrivals(draw, 30, lambda d: (0.01 + 0.2 * d.random() ** 4, 100)), 64),
    "sheds": lambda draw: simulate(draw_arrivals(draw, 40, lambda d: (0.04, 100)), 1, most_waiting=10),
}
DEFECTS: dict[str, tuple[list[str], Callable[[random.Random], Flow]]] = {
    "newest first": (["fair"], lambda d: simulate(draw_arrivals(d, 27, lambda d: (0.045, 100)), 1, last)),
    "long ones block": (
        ["unblocked"],
        lambda d: simulate(draw_arrivals(d, 20, lambda d: (0.3, 900) if d.random() < 0.08 else (0.005, 100)), 1),
    ),
    "cliff": (
        ["no_cliff"],
        lambda d: simulate(
            draw_steps(d, 20, 40), 64, slow_down=lambda n: 1.0 if n <= 12 else n / 1.4
        ),
    ),
    "queue without a bound": (["bounded"], lambda d: simulate(draw_arrivals(d, 40, lambda d: (0.04, 100)), 1)),
}  # fmt: skip


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_queue_raises_no_alarm(name: str) -> None:
    for seed in range(20):
        assert find_failures(HEALTHY[name](random.Random(seed))) == [], seed


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_is_named_and_nothing_else(name: str) -> None:
    expected, make_flow = DEFECTS[name]
    outcomes = [find_failures(make_flow(random.Random(seed))) for seed in range(10)]
    assert sum(expected[0] in failures for failures in outcomes) >= 9, outcomes


def test_what_cannot_be_said_is_not_said() -> None:
    assert set(judge_all(None).values()) == {Status.INCONCLUSIVE}
    assert set(judge_all(Flow(n=39)).values()) == {Status.INCONCLUSIVE}
    broken = Flow(n=300, passed_over=60, most_passed=99, levels=(LevelCount(1, 1, 9.0, 9),))
    assert judge_fairness(LoadResult("steady", "x", 300, flow=broken)).status is Status.INCONCLUSIVE
    whole = LoadResult("steady", "x", 300, flow=broken, finished=True)
    assert judge_fairness(whole).status is Status.FAIL
    starved = replace(whole, generator=Generator(cpu=0.95), client_bound=("the load generator used 95 % of its core",))
    assert judge_fairness(starved).status is Status.INCONCLUSIVE
    assert judge_cliff(whole).status is Status.INCONCLUSIVE


def test_a_burst_that_the_load_generator_made_is_no_fault_of_the_queue() -> None:
    """It stood still and sent at once what was due meanwhile. Arrivals that found no free slot are the service's."""
    queue = DEFECTS["queue without a bound"][1](random.Random(4))
    late = LoadResult("steady", "x", 300, 300, 300, finished=True, flow=queue)
    late = replace(late, client_bound=("24.47 of 30 requests/s were sent",))
    verdict = judge_bound(late)
    assert verdict.status is Status.INCONCLUSIVE
    assert verdict.reason.startswith("24.47 of 30 requests/s were sent; the queue grows")
    assert judge_bound(replace(late, waited=37)).status is Status.FAIL
    assert judge_bound(replace(late, waited=37, stall=1.2)).status is Status.INCONCLUSIVE


def test_words_say_what_was_seen() -> None:
    draw = random.Random(4)
    result = LoadResult("steady", "x", 300, 300, 300, finished=True)
    queue = replace(result, flow=DEFECTS["queue without a bound"][1](draw))
    assert re.search(r"queue grows without a bound: at the end of the schedule \d+ requests waited, \d+ halfway, which "
                     r"takes [\d.]+ s to answer, and none was refused", judge_bound(queue).reason)  # fmt: skip
    cliff = replace(result, flow=DEFECTS["cliff"][1](random.Random(0)))
    assert re.search(r"cliff: [\d.]+ answers/s with \d+ to \d+ in flight, and [\d.]+ answers/s with",
                     judge_cliff(cliff).reason)  # fmt: skip
    unfair = replace(result, flow=DEFECTS["newest first"][1](draw))
    assert judge_fairness(unfair).reason.startswith("the queue is unfair: ")
    assert "refused with 429 or 503" in judge_bound(replace(result, flow=HEALTHY["sheds"](draw))).reason
