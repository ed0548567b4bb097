"""The verdict on a pulse, on courses of events made by hand and on a simulated queue with retries."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import replace

import pytest

from harness.chaos.pulse_judging import compute_lowered_seconds, is_answering, judge_pulse
from harness.chaos.recovery_judging import compute_watch, measure_baseline
from harness.core.experiment import ChaosSettings, Experiment, ExperimentPlan, Fault, Proof, Sample
from harness.core.verdict import Status

CHAOS = ChaosSettings(rate=10.0, baseline=5.0, recovery=5.0)
PLAN = replace(ExperimentPlan.of_fault(Fault("", "overload", duration=4.0, name="burst"), CHAOS), metastability=True)
FELT = Proof("counter", 80, "overload: 80 requests sent")
WATCH = compute_watch(CHAOS)


def answer(due: float, latency: float) -> Sample:
    is_lost = math.isinf(latency)
    return Sample(due, None if is_lost else latency, 0.0, "timeout" if is_lost else None)


def spread(start: float, seconds: float, latency: float, rate: float = 10.0) -> list[Sample]:
    return [answer(start + k / rate, latency) for k in range(round(seconds * rate))]


def make(pulse: float, after: float, lowered: float | None = None, raised: float = 0.1) -> Experiment:
    """An experiment with these latencies in seconds under the pulse, after it, with less load and with all of it."""
    samples = [*spread(0, 5, 0.1), *spread(5, 4, pulse), *spread(9, WATCH, after)]
    experiment = Experiment(PLAN, 0.0, 5.0, 9.0, None, 9 + WATCH, FELT, tuple(samples), struck=40)
    if lowered is None:
        return experiment
    down, up = 9 + WATCH, 19 + WATCH
    more = [*spread(down, 10, lowered, rate=1.0), *spread(up, 5, raised)]
    return replace(experiment, samples=(*samples, *more), lowered=down, raised=up)


@pytest.mark.parametrize(
    ("experiment", "status", "words"),
    [
        (make(2.0, 0.1), Status.PASS, "was felt, and at the same load"),
        (make(math.inf, 0.1), Status.PASS, "was felt"),
        (make(0.1, 0.1), Status.INCONCLUSIVE, "was not felt"),
        (make(2.0, math.inf, 0.1), Status.FAIL, "carried as before"),
        (make(2.0, 3.0, 0.1, 3.0), Status.FAIL, "broke it again"),
        (make(2.0, 3.0, 3.0, 3.0), Status.FAIL, "not even with a tenth of the load"),
        (make(2.0, 3.0), Status.FAIL, "though by itself"),
    ],
)
def test_what_happened_after_the_pulse_is_named(experiment: Experiment, status: Status, words: str) -> None:
    verdict = judge_pulse(experiment)
    assert verdict.status is status, verdict.reason
    assert words in verdict.reason


def test_the_largest_pulse_survived_is_stated() -> None:
    broken = make(2.0, 3.0, 0.1)
    assert "largest pulse survived: 1 s; one of 2 s is not" in judge_pulse(replace(broken, pulse=(1.0, 2.0))).reason
    assert "one of 0.25 s was not survived either" in judge_pulse(replace(broken, pulse=(0.0, 0.25))).reason
    assert "survived" not in judge_pulse(replace(broken, pulse=(0.0, 4.0))).reason


@pytest.mark.parametrize(
    "change",
    [
        {"proof": Proof("none", 0, "nothing was done")},
        {"undecided": "no steady state"},
        {"samples": tuple(replace(sample, lag=0.5) for sample in make(2.0, 3.0, 0.1).samples)},
    ],
)
def test_a_pulse_that_did_not_land_or_a_late_generator_decides_nothing(change: dict[str, object]) -> None:
    verdict = judge_pulse(replace(make(2.0, 3.0, 0.1), **change))  # type: ignore[arg-type]
    assert verdict.status is Status.INCONCLUSIVE, verdict.reason


def test_an_answer_that_is_missing_is_not_back() -> None:
    yardstick = measure_baseline(spread(0, 5, 0.1), CHAOS)
    assert not is_answering(spread(0, 0.2, 0.1), yardstick)
    assert is_answering([answer(0, 9.0), *spread(1, 0.3, 0.1)], yardstick)
    assert not is_answering([*spread(0, 0.3, 0.1), answer(1, math.inf)], yardstick)


class Queue:
    """One server at 20 requests/s, attempts given up after `patience` and made again, at most `attempts` (SREGym #946).

    The work of an attempt that was given up goes on. Time goes on in steps of 10 ms.
    """

    def __init__(self, attempts: int, patience: float) -> None:
        self.attempts, self.patience, self.seconds = attempts, patience, 0.05
        self.line: deque[tuple[int, float]] = deque()
        self.now = self.free = 0.0
        self.open: dict[int, tuple[float, float, int]] = {}
        self.done: dict[int, float] = {}

    def run(self, arrivals: list[float], end: float) -> dict[int, float]:
        """The latency of each arrival until the end, inf where it was given up."""
        due = deque(enumerate(arrivals))
        while self.now < end:
            while due and due[0][1] <= self.now:
                index, at = due.popleft()
                self.open[index] = (at, self.now, 1)
                self._queue(index)
            while self.line and self.free <= self.now:
                index, since = self.line.popleft()
                self.free = self.now + self.seconds
                came, attempted, _ = self.open.get(index, (0.0, -1.0, 0))
                if attempted == since and self.free - since <= self.patience:
                    self.done[index] = self.free - came
                    del self.open[index]
            for index, (came, attempted, count) in list(self.open.items()):
                if self.now - attempted < self.patience:
                    continue
                if count == self.attempts:
                    self.done[index] = math.inf
                    del self.open[index]
                else:
                    self.open[index] = (came, self.now, count + 1)
                    self._queue(index)
            self.now += 0.01
        return self.done

    def _queue(self, index: int) -> None:
        if len(self.line) < 256:
            self.line.append((index, self.open[index][1]))


def simulate(attempts: int, factor: float, seconds: float) -> Experiment:
    """Eight requests/s throughout, with a pulse of `factor` times as many, as the phases of an experiment send them."""
    chaos = ChaosSettings(rate=8.0, baseline=5.0, recovery=5.0)
    plan = replace(PLAN, chaos=chaos, faults=(replace(PLAN.faults[0], duration=seconds),))
    applied, lifted = 5.0, 5.0 + seconds
    lowered = lifted + compute_watch(chaos)
    raised = lowered + compute_lowered_seconds(5.0, 8.0)
    ours = [k / 8 for k in range(round(8 * lowered))]
    ours += [lowered + k / 0.8 for k in range(round(0.8 * (raised - lowered)))]
    ours += [raised + k / 8 for k in range(56)]
    pulse = [applied + k / (8 * (factor - 1)) + 0.001 for k in range(round(8 * (factor - 1) * seconds))]
    everything = sorted([(at, True) for at in ours] + [(at, False) for at in pulse])
    done = Queue(attempts, 0.75 if attempts > 1 else math.inf).run([at for at, _ in everything], raised + 12)
    samples = [answer(at, done.get(k, math.inf)) for k, (at, is_ours) in enumerate(everything) if is_ours]
    experiment = Experiment(plan, 0.0, applied, lifted, None, raised + 12, FELT, tuple(samples), struck=40)
    return replace(experiment, lowered=lowered, raised=raised)


def test_the_numbers_of_a_known_metastable_service_fail_and_without_retries_they_pass() -> None:
    """Load 8/s, burst 40/s for 10 s, capacity 20, queue 256, timeout 750 ms, 3 attempts: then nobody is served at 8."""
    verdict = judge_pulse(simulate(attempts=3, factor=5, seconds=10))
    assert verdict.status is Status.FAIL
    assert "carried as before" in verdict.reason
    assert judge_pulse(simulate(attempts=3, factor=5, seconds=0.25)).status is Status.INCONCLUSIVE  # not felt
    slow = judge_pulse(simulate(attempts=1, factor=5, seconds=10))
    assert slow.status is Status.FAIL
    assert "too slowly" in slow.reason, "200 requests wait at the lift, and 12 of them are dealt with per second"
    survived = judge_pulse(simulate(attempts=1, factor=5, seconds=1))
    assert survived.status is Status.PASS, survived.reason
