"""How often the verdict on recovery is PASS, FAIL and INCONCLUSIVE, simulated: background errors, noise, true recovery.

`python -m benchmarks.recovery_errors [RUNS]`: RUNS experiments a row (100 if not given), a fixed seed. Baseline 5 s,
`[chaos] recovery` 10 s, objective `recovery <= 2 s`; median latency .1 s, lognormal with sigma. Until it recovers,
every request fails, or takes so many times as long. Assumptions: a constant background error rate, and independent
requests; in the rows with AR(.8) the log latencies follow an autoregression.
"""

from __future__ import annotations

import itertools
import math
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.chaos.recovery_judging import compute_watch, judge_recovery
from harness.core.experiment import ChaosSettings, Experiment, ExperimentPlan, Fault, Proof, Sample
from harness.core.verdict import Status

SEED = 12
LIMIT, MEDIAN, UNDER_FAULT = 2.0, 0.1, 0.5
MOST_WRONG, FEWEST_PASSED = 0.05, 0.8
RATES, ERRORS, SIGMAS = (5.0, 10.0, 20.0), (0.0, 0.01, 0.02, 0.04), (0.3, 0.8, 1.6, 2.0)


@dataclass(frozen=True, slots=True)
class Course:
    """What the service does after the lift: `share` of the requests are struck for `seconds`; they fail, or take
    `slower` times as long. `wrong` is the verdict that may come up in 5 % of the runs at most.
    """

    name: str
    seconds: float
    wrong: Status
    share: float = 1.0
    slower: float = math.inf
    correlation: float = 0.0


COURSES = (
    Course("at once", 0.0, Status.FAIL),
    Course("at once, AR(.8)", 0.0, Status.FAIL, correlation=0.8),
    Course("after 1 s", 1.0, Status.FAIL),
    Course("after 3 s", 3.0, Status.PASS),
    Course("after 3 s, x100", 3.0, Status.PASS, slower=100.0),
    Course("never", math.inf, Status.PASS),
    Course("never for 30 %", math.inf, Status.PASS, share=0.3),
)


@dataclass(frozen=True, slots=True)
class Shares:
    """The shares of the runs that ended in each verdict."""

    passed: float
    failed: float
    undecided: float

    def get(self, status: Status) -> float:
        """The share of PASS or FAIL."""
        return self.passed if status is Status.PASS else self.failed


def simulate_recovery(course: Course, rate: float, errors: float, sigma: float, runs: int, seed: int = SEED) -> Shares:
    """Judge so many simulated experiments at `rate` requests/s and a background error rate `errors`."""
    random, chaos = np.random.default_rng(seed), ChaosSettings(rate, 5.0, 10.0)
    counts = Counter(_judge_once(random, chaos, course, errors, sigma) for _ in range(runs))
    return Shares(*(counts[status] / runs for status in (Status.PASS, Status.FAIL, Status.INCONCLUSIVE)))


def _judge_once(
    random: np.random.Generator, chaos: ChaosSettings, course: Course, errors: float, sigma: float
) -> Status:
    lifted = chaos.baseline + UNDER_FAULT
    due = np.arange(round((lifted + compute_watch(chaos)) * chaos.rate)) / chaos.rate
    latencies = MEDIAN * np.exp(sigma * _draw_noise(random, len(due), course.correlation))
    latencies[random.random(len(due)) < errors] = math.inf
    is_struck = (due >= lifted) & (due < lifted + course.seconds) & (random.random(len(due)) < course.share)
    latencies[is_struck] *= course.slower
    latencies[(due >= chaos.baseline) & (due < lifted)] = math.inf
    experiment = Experiment(
        ExperimentPlan.of_fault(Fault("link", "latency"), chaos),
        0.0,
        applied=chaos.baseline,
        lifted=lifted,
        proof=Proof("counter", 1, "simulated"),
        samples=tuple(_make_samples(due.tolist(), latencies.tolist())),
    )
    if not np.isfinite(latencies[due < chaos.baseline]).any():
        return Status.INCONCLUSIVE
    return judge_recovery(experiment, LIMIT).status


def _make_samples(due: Sequence[float], latencies: Sequence[float]) -> list[Sample]:
    return [
        Sample(time, latency, 0.0, None if math.isfinite(latency) else "closed")
        for time, latency in zip(due, latencies, strict=True)
    ]


def _draw_noise(random: np.random.Generator, n: int, correlation: float) -> NDArray[np.float64]:
    noise = random.normal(size=n)
    for i in range(1, n if correlation else 0):
        noise[i] = correlation * noise[i - 1] + math.sqrt(1 - correlation**2) * noise[i]
    return noise


def main() -> int:
    """Print the table; exit status 1 when an error rate is over its bound, or the power below it."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    missed = 0
    allowed = MOST_WRONG + 2 * math.sqrt(MOST_WRONG * (1 - MOST_WRONG) / runs)
    print(f"recovery <= {LIMIT:g} s, {runs} runs a row: PASS/FAIL/INCONCLUSIVE")
    print(f"{'recovers':18s} {'rate':>4s} {'errors':>6s}  " + "  ".join(f"sigma {sigma:<10g}" for sigma in SIGMAS))
    for course, rate, errors in itertools.product(COURSES, RATES, ERRORS):
        row = [simulate_recovery(course, rate, errors, sigma, runs) for sigma in SIGMAS]
        missed += any(shares.get(course.wrong) > allowed for shares in row)
        if (course.name, rate, errors) == ("at once", 10.0, 0.01):
            missed += any(shares.passed < FEWEST_PASSED for shares in row)
        cells = [f"{s.passed:.3f}/{s.failed:.3f}/{s.undecided:.3f}" for s in row]
        print(f"{course.name:18s} {rate:4g} {errors:6.0%}  " + " ".join(f"{cell:17s}" for cell in cells), flush=True)
    print(f"{missed} rows missed a bound" if missed else "every bound was kept")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
