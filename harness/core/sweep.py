"""A sweep: loads at one rate after another until the capacity of the service is known; its settings and its result.

Tested in tests/load/test_sweep.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.core.bounds import MOST_REQUESTS, NotNegative, OverZero

SWEEP_SCENARIO = "sweep"
"""The scenario that searches for the capacity."""

MOST_LOADS = 40
"""The loads of a sweep at most, those that repeat a probe among them."""

FEWEST_OF_SWEEP = 200
"""The requests without which a sweep is not begun: it would decide nothing."""


@dataclass(frozen=True)
class CapacitySettings:
    """What capacity is wanted, and what may be spent to find out.

    The sweep begins at `target_rate` requests/s. Its loads take `duration` seconds in all, with `requests` requests in
    all and none over `highest` requests/s (0: sixteen times the target). The first `warm_up` seconds of each load, at
    most a third of it, are not judged. `price_per_hour` is what one replica costs, `price_per_million_tokens` what as
    many generated tokens cost, in any currency; without them no cost is named.
    """

    target_rate: OverZero[float]
    duration: OverZero[float] = 900.0
    warm_up: float = 5.0
    requests: OverZero[int] = 100_000
    highest: float = 0.0
    price_per_hour: NotNegative[float] = 0.0
    price_per_million_tokens: NotNegative[float] = 0.0

    @property
    def highest_rate(self) -> float:
        """The highest rate that may be asked, in requests/s."""
        return self.highest or 16 * self.target_rate

    def find_problem(self) -> tuple[str, str] | None:
        """The key that makes this sweep impossible, and why; or None."""
        if not 0 <= self.warm_up < self.duration:
            return "warm_up", f"must be from 0 to under the duration, got {self.warm_up!r}"
        if self.highest and self.highest < self.target_rate:
            return "highest", f"must be at least the target rate of {self.target_rate:g} requests/s"
        if self.requests > MOST_REQUESTS:
            return "requests", f"is at most {MOST_REQUESTS:,}"
        if self.target_rate * self.duration < FEWEST_OF_SWEEP:
            return "duration", f"is too short: target_rate times duration must be at least {FEWEST_OF_SWEEP:,} requests"
        if self.requests < FEWEST_OF_SWEEP:
            return "requests", f"is too few: at least {FEWEST_OF_SWEEP:,} are needed"
        return None


@dataclass(frozen=True, slots=True)
class Saturation:
    """A load ended after `seconds`: its requests in flight only became more, by `growth` a second."""

    seconds: float
    growth: float

    def describe(self) -> str:
        """When the load was ended, and why."""
        return f"ended after {self.seconds:.3g} s: the requests in flight only grew, by {self.growth:.3g} a second"


@dataclass(frozen=True, slots=True)
class ProbeRecord:
    """One load of a sweep: the rate asked and the rate of answers without a failure (requests/s), its outcome.

    `aim` is what it was to show: locate, pass or fail; a load that locates, or is ended early, has the outcome under
    or over. `shares` are those over the limit, by objective; `p50`, `p95` and `p99` latencies by metric in seconds
    (none where it lies among the failures). `failed` is the share of failed requests, `tokens` the tokens of an
    answer in the mean; `reason` says why an undecided probe is undecided. `growth` is by how much the requests in
    flight grew (requests/s) in a load that was ended because of that, after `seconds`.
    """

    rate: float
    """Requests/s that were asked."""
    outcome: str
    """pass, fail or inconclusive; of a load that locates: under or over."""
    throughput: float
    """Answers without a failure, per second."""
    failed: float
    """Share of failed requests."""
    shares: dict[str, float]
    """Share over the limit, by objective."""
    p50: dict[str, float]
    """Median times in seconds, by metric."""
    p95: dict[str, float]
    """95th percentiles."""
    client_bound: str = ""
    """Why the load generator, and not the service, limited the rate; empty if it did not."""
    reason: str = ""
    """Why it is undecided, if it is."""
    aim: str = "locate"
    """What it was to show: locate, pass or fail."""
    seconds: float = 0.0
    """Length of the load, until it was ended early."""
    tokens: float = 0.0
    """Generated tokens of an answer in the mean."""
    growth: float = 0.0
    """By how much the requests in flight grew, of a load that was ended early, per second; else 0."""
    p99: dict[str, float] = field(default_factory=dict)
    """99th percentiles."""


@dataclass(frozen=True, slots=True)
class SweepResult:
    """The capacity of the service: at least `low` and, where one rate failed, less than `high` requests/s.

    `low` is 0 where no rate passed. `sentences` say it in words; `ended` why the search stopped; `problem` what broke
    it, `gone` that the endpoint disappeared.
    """

    target: float
    """Target rate in requests/s."""
    low: float
    """The capacity is at least this rate; 0 where none passed."""
    high: float | None
    """The capacity is less than this rate; null where none failed."""
    confidence: float
    """Confidence of the interval, between 0 and 1."""
    probes: tuple[ProbeRecord, ...]
    """The loads, in order."""
    sentences: tuple[str, ...]
    """What it shows, in words."""
    ended: str = ""
    """Why the search stopped before it was done, if it did."""
    problem: str = ""
    """What broke it, if anything did."""
    gone: str = ""
    """That the endpoint disappeared, if it did."""
