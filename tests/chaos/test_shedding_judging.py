"""The verdict on overload: refusals, lost requests and waits, on samples made by hand and on simulated queues."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from harness.chaos.shedding_judging import judge_shedding
from harness.core.experiment import ChaosSettings, Experiment, ExperimentPlan, Fault, Proof, Sample
from harness.core.verdict import Status, Verdict

CHAOS = ChaosSettings(rate=10.0, baseline=5.0, recovery=5.0)
SECONDS = 9.0
PLAN = ExperimentPlan.of_fault(Fault("", "overload", duration=SECONDS, name="o"), CHAOS)
REFUSED = Sample(0.0, 0.02, 0.0, "http_status", status=503, says_when=True)
TAKEN = Sample(0.0, 0.3, 0.0)


def judge(*under: Sample, **changes: object) -> Verdict:
    """The verdict where the requests under the overload are these, in turn and again from the first on."""
    calm = [replace(TAKEN, intended=k / 10, latency=0.1) for k in range(50)]
    struck = [replace(under[k % len(under)], intended=5 + k / 10) for k in range(round(10 * SECONDS))]
    later = [replace(TAKEN, intended=5 + SECONDS + k / 10, latency=0.1) for k in range(100)]
    experiment = Experiment(
        PLAN, 0.0, 5.0, 5 + SECONDS, None, 30.0, Proof("counter", 99, "sent"), (*calm, *struck, *later)
    )
    return judge_shedding(replace(experiment, struck=90, **changes))  # type: ignore[arg-type]


def grow(k: int) -> Sample:
    return replace(TAKEN, latency=0.1 + 0.05 * k)


@pytest.mark.parametrize(
    ("under", "status", "words"),
    [
        ((REFUSED, TAKEN), Status.PASS, "refused at once"),
        ((REFUSED, REFUSED, REFUSED, TAKEN), Status.PASS, "refused at once"),
        ((TAKEN,), Status.INCONCLUSIVE, "took nearly all"),
        ((replace(TAKEN, latency=2.0),), Status.INCONCLUSIVE, "took nearly all"),
        (tuple(map(grow, range(90))), Status.FAIL, "the queue grows"),
        ((replace(REFUSED, latency=2.0), TAKEN), Status.FAIL, "refused late"),
        ((replace(REFUSED, says_when=False), TAKEN), Status.FAIL, "Retry-After"),
        ((replace(REFUSED, status=500), TAKEN), Status.FAIL, "lost: 45 by 500"),
        ((replace(TAKEN, latency=None, error="total_timeout"), TAKEN), Status.FAIL, "lost: 45 by total_timeout"),
        ((replace(REFUSED, status=504), *[TAKEN] * 14, REFUSED), Status.PASS, "refused at once"),
        ((REFUSED,), Status.INCONCLUSIVE, "no request was taken at all"),
    ],
)
def test_each_way_to_deal_with_overload_is_named(under: tuple[Sample, ...], status: Status, words: str) -> None:
    verdict = judge(*under)
    assert verdict.status is status, verdict.reason
    assert words in verdict.reason


def test_a_wait_that_grows_while_others_are_refused_has_not_settled() -> None:
    under = [REFUSED if k % 2 else grow(k) for k in range(90)]
    assert "still growing" in judge(*under).reason
    assert judge(*under).status is Status.INCONCLUSIVE


def test_a_queue_grows_though_the_lift_ends_the_waits_of_its_last_third() -> None:
    """The clients of the overload leave with the lift, and with them what they had queued."""
    under = [replace(TAKEN, latency=min(0.1 + 0.5 * k / 10, SECONDS - k / 10 + 0.2)) for k in range(90)]
    verdict = judge(*under)
    assert (verdict.status, "the queue grows" in verdict.reason) == (Status.FAIL, True), verdict.reason


def test_what_did_not_land_or_was_stopped_does_not_pass() -> None:
    assert judge(REFUSED, TAKEN, proof=Proof("none", 0, "nothing")).status is Status.INCONCLUSIVE
    assert judge(REFUSED, TAKEN, stopped="an operator").status is Status.INCONCLUSIVE


def simulate(seed: int, capacity: float, load: float, room: int) -> list[Sample]:
    """A server with exponential service times and room for so many requests (inf: 10,000); every sixth is ours."""
    draw = random.Random(seed)
    ends: list[float] = []
    samples, now, ours = [], 0.0, 0
    while ours < round(10 * SECONDS):
        now += draw.expovariate(load)
        waiting = [end for end in ends if end > now]
        is_taken = len(waiting) < room
        if is_taken:
            ends = [*waiting, max([now, *waiting[-1:]]) + draw.expovariate(capacity)]
        if now >= ours / 10:
            ours += 1
            samples.append(replace(TAKEN, latency=0.05 + ends[-1] - now) if is_taken else REFUSED)
    return samples


@pytest.mark.simulation
def test_bounded_queues_do_not_fail_and_unbounded_ones_do_not_pass() -> None:
    verdicts = {
        room: [judge(*simulate(seed, 20.0, 60.0, room)).status for seed in range(100)] for room in (5, 40, 10_000)
    }
    assert verdicts[5].count(Status.PASS) >= 95
    assert verdicts[5].count(Status.FAIL) == verdicts[40].count(Status.FAIL) == 0
    assert verdicts[10_000].count(Status.FAIL) >= 97
    assert verdicts[10_000].count(Status.PASS) == 0
    spare = [judge(*simulate(seed, 100.0, 60.0, 10_000)).status for seed in range(100)]
    assert spare.count(Status.INCONCLUSIVE) == 100
