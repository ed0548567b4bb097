"""The verdict on the other clients, on samples made by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from harness.chaos.others_judging import judge_others
from harness.core.experiment import ChaosSettings, Experiment, ExperimentPlan, Fault, Proof, Sample
from harness.core.verdict import Status

HELD = Proof("counter", 8, "slowloris: 8 requests held open")
CHAOS = ChaosSettings(rate=10.0, baseline=5.0, recovery=5.0)


def make(under: list[float], proof: Proof = HELD) -> Experiment:
    """An experiment whose requests under the fault take these seconds (inf: they fail), and all others 0.1 s."""
    plan = ExperimentPlan.of_fault(Fault("", "slowloris", duration=len(under) / 10, name="slowloris"), CHAOS)
    latencies = [0.1] * 50 + under + [0.1] * 80
    samples = [
        Sample(index / 10, None if math.isinf(latency) else latency, 0.0, "timeout" if math.isinf(latency) else None)
        for index, latency in enumerate(latencies)
    ]
    lifted = 5.0 + len(under) / 10
    return Experiment(plan, 0.0, 5.0, lifted, lifted, lifted + 8, proof, tuple(samples), struck=len(under))


@pytest.mark.parametrize(
    ("under", "status"),
    [
        ([0.1] * 50, Status.PASS),
        ([0.3] * 50, Status.PASS),  # slower, and served
        ([0.1] * 17, Status.INCONCLUSIVE),  # too short to starve anybody
        ([0.1] * 49 + [math.inf], Status.PASS),
        ([math.inf] * 50, Status.FAIL),
        ([5.0] * 50, Status.FAIL),  # every one was served after the lift alone
        ([0.1] * 25 + [math.inf] * 25, Status.FAIL),
        ([0.1] * 10, Status.INCONCLUSIVE),
    ],
)
def test_failing_and_starving_count(under: list[float], status: Status) -> None:
    verdict = judge_others(make(under))
    assert verdict.status is status, verdict.reason
    assert "slowloris" in verdict.reason


def test_a_disturbance_that_did_nothing_decides_nothing() -> None:
    nothing = Proof("none", 0, "slowloris: nothing was done")
    for under in ([0.1] * 50, [math.inf] * 50):
        verdict = judge_others(make(under, nothing))
        assert verdict.status is Status.INCONCLUSIVE
        assert "nothing was done" in verdict.reason


@pytest.mark.simulation
@pytest.mark.parametrize(
    ("errors", "sigma", "slower"), [(0.0, 0.3, 1.0), (0.02, 0.5, 1.0), (0.04, 0.8, 1.0), (0.02, 0.5, 2.0)]
)
def test_a_sound_service_is_hardly_ever_failed(errors: float, sigma: float, slower: float) -> None:
    """Background errors as in the baseline, and answers that may take twice as long: a FAIL in 5 % of runs at most."""
    draw = np.random.default_rng(11)
    runs, failed, passed = 400, 0, 0
    for _ in range(runs):
        before, under = (
            np.where(draw.random(n) < errors, math.inf, 0.1 * factor * draw.lognormal(0.0, sigma, n))
            for n, factor in ((50, 1.0), (100, slower))
        )
        experiment = make(under.tolist())
        calm = [
            Sample(k / 10, None if math.isinf(seconds) else seconds, 0.0, "closed" if math.isinf(seconds) else None)
            for k, seconds in enumerate(before.tolist())
        ]
        status = judge_others(replace(experiment, samples=(*calm, *experiment.samples[50:]))).status
        failed, passed = failed + (status is Status.FAIL), passed + (status is Status.PASS)
    assert failed <= 0.05 * runs
    assert passed >= 0.8 * runs
