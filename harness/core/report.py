"""The report model: `gate.json` as frozen records, the only source of every other format.

Tested in tests/reports/test_gate_schema.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.core.evidence_map import EvidenceMap
from harness.core.proof import GateProof
from harness.core.sweep import SweepResult
from harness.core.verdict import Evidence, Level, Status

SCHEMA = "aiharness.gate/1"


@dataclass(frozen=True, slots=True)
class RunInfo:
    """When, how it ended, who answers for it. Times are ISO 8601 in UTC.

    `final` is False as long as the run has not ended: its ERROR is then no decision.
    """

    id: str
    """Name of the run, unique among its neighbours."""
    started: str
    """ISO 8601, UTC."""
    finished: str
    """ISO 8601, UTC; of a killed run the time of the last thing seen."""
    exit_status: int
    """0 PASS, 1 FAIL, 2 interrupted, 3 internal error, 20 INCONCLUSIVE, 21 ERROR."""
    verdict: Status
    """The gate's decision; never SKIPPED."""
    reason: str
    """One sentence why."""
    partial: bool
    """Whether a planned check did not run."""
    responsible: str | None = None
    """Who answers for the run, if named."""
    interrupted: str | None = None
    """Why the run did not end normally, if it did not."""
    deciding: tuple[str, ...] = ()
    """Ids of the checks that decided the verdict."""
    loosened: tuple[str, ...] = ()
    """What explicit options let through, as sentences."""
    final: bool = True
    """False as long as the run has not ended: its ERROR is then no decision."""


@dataclass(frozen=True, slots=True)
class Target:
    """What was judged. `url` holds no secret; `fingerprint` is a digest over URL, protocol, model and version."""

    url: str
    """Without credentials."""
    protocol: str
    """Name of the adapter that spoke to it."""
    model: str | None = None
    """The model's name, if it has one."""
    version: str | None = None
    """The version it announced, if it did."""
    fingerprint: str | None = None
    """Digest over URL, protocol, model and version."""


@dataclass(frozen=True, slots=True)
class PlanInfo:
    """The plan's hash and its coverage."""

    hash: str
    """SHA-256 of the plan, made before the first request."""
    planned: int
    """Checks in the plan."""
    judged: int
    """Planned checks that ended with a verdict of their own."""
    suites: tuple[str, ...] = ()
    """Requested suites."""
    not_judged: tuple[str, ...] = ()
    """Checks that were not planned because something they need is not configured, as sentences."""
    policy: tuple[tuple[str, str], ...] = ()
    """Other settings that the verdicts depend on: profile, confidence, seed, deadlines, ceilings."""


@dataclass(frozen=True, slots=True)
class CheckRow(Evidence):
    """One planned check with its verdict and evidence."""

    id: str
    """The pytest id."""
    suite: str
    """The suite it belongs to."""
    level: Level
    """Only a blocker decides the gate."""
    title: str
    """What it checks, in words."""
    kind: str
    """contract, estimate or user."""
    verdict: Status
    """How it ended."""
    reason: str
    """One sentence why."""
    missing: bool = False
    """Whether it did not run, or left no evidence."""
    objective: str | None = None
    """The service-level objective in words."""
    seconds: float | None = None
    """How long the check took."""


@dataclass(frozen=True, slots=True)
class BaselineCounts:
    """The histogram of the same samples of a baseline: `run` is its id or URL, the rest as in `Distribution`."""

    run: str
    """Id of the baseline run, or URL of the second endpoint."""
    bounds: tuple[float, ...]
    """Edges of the buckets."""
    counts: tuple[int, ...]
    """Samples in each bucket."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """A histogram: `counts[i]` samples lie in (`bounds[i]`, `bounds[i+1]`], in `unit`; `limits` are drawn as lines."""

    metric: str
    """What was measured."""
    unit: str
    """Unit of the bounds."""
    bounds: tuple[float, ...]
    """Bucket i holds (bounds[i], bounds[i+1]]: one more than counts."""
    counts: tuple[int, ...]
    """Samples in each bucket."""
    limits: tuple[float, ...] = ()
    """Limits of objectives on this metric."""
    suite: str = ""
    """The suite it belongs to; empty for the whole run."""
    source: str = ""
    """Which requests the samples are of, where not all of the suite."""
    baseline: BaselineCounts | None = None
    """The same samples of the baseline, drawn beside it."""


@dataclass(frozen=True, slots=True)
class Second:
    """One second of traffic: `t` seconds from the start of the run; latencies in seconds.

    `target_rate` is what an open-loop load asked for in it, in requests/s.
    """

    t: int
    """Seconds from the start of the run."""
    requests: int
    """Inferences scheduled in this second."""
    errors: int
    """Those of them that failed."""
    q50: float | None = None
    """Median latency, seconds."""
    q99: float | None = None
    """99th percentile of latency, seconds."""
    target_rate: float | None = None
    """The rate planned by an open-loop load, requests per second."""


@dataclass(frozen=True, slots=True)
class FaultRow:
    """One disturbance; times in seconds from the start. `confirmed` is counter, probe or none.

    `recovered_at` is when the service was back within tolerance of its baseline (None: not seen); `phases` maps
    baseline, inject, lift and end to when each began or ended.
    """

    kind: str
    """The kind of fault."""
    target: str
    """The link or proxy that it was applied to."""
    applied_at: float
    """Seconds from the start of the run."""
    lifted_at: float | None
    """Seconds from the start of the run; null when it was not lifted."""
    confirmed: str
    """What proves that it took effect: counter, probe or none."""
    affected: int | None = None
    """Requests or connections that it disturbed, where counted."""
    name: str = ""
    """The fault's name in the configuration."""
    recovered_at: float | None = None
    """Seconds from the start of the run; null when no recovery was observed."""
    phases: Mapping[str, float] = field(default_factory=dict)
    """When baseline, inject, lift and end were, in seconds from the start of the run."""


@dataclass(frozen=True, slots=True)
class Generator:
    """Whether the load generator kept up: rates in requests/s, `lag_p99` in seconds, `cpu` as a share of one core.

    `slow_path` says why it could not use the load engine; empty where it did.
    """

    target_rate: float | None = None
    """Planned requests per second."""
    achieved_rate: float | None = None
    """Sent requests per second."""
    lag_p99: float | None = None
    """99th percentile of how late a request was sent, seconds."""
    cpu: float | None = None
    """Share of one CPU core that the generator used."""
    slow_path: str = ""
    """Why the ordinary client sent in place of the faster load engine; empty where it did not."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a load: the percentiles of a time in seconds, or a single `value` in `unit`.

    `metric` is the name in `harness.core.metric`, `n` the number of samples. A percentile is None where it lies among
    the requests that failed, which have no time.
    """

    metric: str
    """Name of the metric."""
    title: str
    """Its name for people."""
    unit: str
    """Unit of percentiles and value: s, requests/s, tokens/s; empty for a share."""
    definition: str
    """What exactly was measured."""
    n: int = 0
    """Samples: requests, or gaps."""
    p50: float | None = None
    """Median; null where it lies among requests that failed, and for a single value."""
    p95: float | None = None
    """95th percentile; null as p50 is: where it lies among requests that failed, and for a single value."""
    p99: float | None = None
    """99th percentile; null as p50 is: where it lies among requests that failed, and for a single value."""
    value: float | None = None
    """The single value; null for a time."""


@dataclass(frozen=True, slots=True)
class Load:
    """What one load came to: `figures` are of the `judged` requests, which were due in the `seconds` after the warm-up.

    The other counts are of all requests; `errors` counts the failed ones by class. `good_shares` are the shares of good
    requests in equal slices of these seconds (None: without a request).
    """

    scenario: str
    """The scenario's name."""
    intended: int = 0
    """Requests of the schedule."""
    sent: int = 0
    """Requests that were sent."""
    completed: int = 0
    """Requests that ended, in success or failure."""
    failed: int = 0
    """Requests that failed."""
    judged: int = 0
    """Requests that were due after the warm-up: those of the figures."""
    seconds: float = 0.0
    """Length of the schedule after the warm-up."""
    errors: Mapping[str, int] = field(default_factory=dict)
    """Failed requests by class of error."""
    figures: tuple[Figure, ...] = ()
    """What was measured, one entry a metric."""
    good_shares: tuple[float | None, ...] = ()
    """Share of good requests in equal slices of these seconds; null for one without a request."""


@dataclass(frozen=True, slots=True)
class LoadSlice:
    """The requests that were due in `seconds` seconds from second `t` of the run on: all, and those that failed.

    Of those that were answered the percentiles of the latency in seconds (None: there is none), and `counts`: how many
    lie in each bucket of the picture.
    """

    t: int
    """Second of the run at which it begins."""
    seconds: int
    """Its length."""
    requests: int
    """Requests that were due in it."""
    errors: int
    """Of these, those that failed."""
    p50: float | None = None
    """Median latency of the answered ones in seconds."""
    p95: float | None = None
    """Their 95th percentile."""
    p99: float | None = None
    """Their 99th percentile."""
    counts: tuple[int, ...] = ()
    """Answers in each bucket of latency."""


@dataclass(frozen=True, slots=True)
class LoadPicture:
    """Latency over time of the loads of a suite; `counts[i]` of a slice lie in (`bounds[i]`, `bounds[i+1]`] seconds."""

    suite: str
    """The suite whose loads these are."""
    bounds: tuple[float, ...]
    """Edges of the buckets of latency, in seconds."""
    slices: tuple[LoadSlice, ...]
    """Slices of time, in order."""


@dataclass(frozen=True, slots=True)
class FigureTrend:
    """A figure from run to run in `unit`: `name` is a check's id, or a load with its figure.

    `values[i]` is that of run i of the history; None where it had none. `direction` is the good side (`<=` or `>=`).
    """

    name: str
    """Id of a check, or a load with its figure."""
    unit: str
    """Unit of the values; empty for a share."""
    direction: str
    """Good side, <= or >=."""
    values: tuple[float | None, ...]
    """One for each run; null for a run without it."""


@dataclass(frozen=True, slots=True)
class RunHistory:
    """Runs of the same target, data, loads and deadlines in their order; the last one is that of the report."""

    runs: tuple[str, ...]
    """Names of the runs, in their order; the last is this one."""
    started: tuple[str, ...]
    """When each began, ISO 8601 in UTC."""
    verdicts: tuple[Status, ...]
    """How each ended."""
    trends: tuple[FigureTrend, ...] = ()
    """The figures of this run, from run to run."""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything a run ended with: the content of `gate.json`."""

    run: RunInfo
    """When the run was, how it ended and who answers for it."""
    target: Target
    """What was judged."""
    plan: PlanInfo
    """How many checks were planned, how many were judged, and under which settings."""
    checks: tuple[CheckRow, ...]
    """One row for every planned check, in the plan's order."""
    distributions: tuple[Distribution, ...] = ()
    """Histograms over the whole run."""
    series: tuple[Second, ...] = ()
    """One row a second of traffic."""
    faults: tuple[FaultRow, ...] = ()
    """Every disturbance that was applied."""
    generator: Generator | None = None
    """Whether the load generator kept up; null when no load was generated."""
    loads: tuple[Load, ...] = ()
    """What each load measured."""
    pictures: tuple[LoadPicture, ...] = ()
    """Latency over time of each suite's loads."""
    sweep: SweepResult | None = None
    """The search for the capacity; null where none was made."""
    waivers: tuple[Mapping[str, Any], ...] = ()
    """The configured waivers; `state` says what each lets through, or why nothing."""
    proof: GateProof | None = None
    """Which contract checks were shown able to fail (aiharness prove); null for a run that was no proof."""
    history: RunHistory | None = None
    """Earlier runs that can be compared with this one; null where there is none."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Versions and platform of the harness."""
    notes: tuple[str, ...] = ()
    """What a reader must know of how this run was judged."""
    evidence_map: EvidenceMap | None = None
    """The map of `[report] evidence_map`; null where the shipped one holds."""
    schema: str = SCHEMA
    """Name and version of this format."""
