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
    started: str
    finished: str
    exit_status: int
    verdict: Status
    reason: str
    partial: bool
    responsible: str | None = None
    interrupted: str | None = None
    deciding: tuple[str, ...] = ()
    loosened: tuple[str, ...] = ()
    final: bool = True


@dataclass(frozen=True, slots=True)
class Target:
    """What was judged. `url` holds no secret; `fingerprint` is a digest over URL, protocol, model and version."""

    url: str
    protocol: str
    model: str | None = None
    version: str | None = None
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class PlanInfo:
    """The plan's hash and its coverage."""

    hash: str
    planned: int
    judged: int
    suites: tuple[str, ...] = ()
    not_judged: tuple[str, ...] = ()
    policy: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class CheckRow(Evidence):
    """One planned check with its verdict and evidence."""

    id: str
    suite: str
    level: Level
    title: str
    kind: str
    verdict: Status
    reason: str
    missing: bool = False
    objective: str | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Distribution:
    """A histogram: `counts[i]` samples lie in (`bounds[i]`, `bounds[i+1]`], in `unit`; `limits` are drawn as lines."""

    metric: str
    unit: str
    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    limits: tuple[float, ...] = ()
    suite: str = ""


@dataclass(frozen=True, slots=True)
class Second:
    """One second of traffic: `t` seconds from the start of the run; latencies in seconds.

    `target_rate` is what an open-loop load asked for in it, in requests/s.
    """

    t: int
    requests: int
    errors: int
    q50: float | None = None
    q99: float | None = None
    target_rate: float | None = None


@dataclass(frozen=True, slots=True)
class FaultRow:
    """One disturbance; times in seconds from the start. `confirmed` is counter, probe or none.

    `recovered_at` is when the service was back within tolerance of its baseline (None: not seen); `phases` maps
    baseline, inject, lift and end to when each began or ended.
    """

    kind: str
    target: str
    applied_at: float
    lifted_at: float | None
    confirmed: str
    affected: int | None = None
    name: str = ""
    recovered_at: float | None = None
    phases: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Generator:
    """Whether the load generator kept up: rates in requests/s, `lag_p99` in seconds, `cpu` as a share of one core.

    `slow_path` says why it could not use the load engine; empty where it did.
    """

    target_rate: float | None = None
    achieved_rate: float | None = None
    lag_p99: float | None = None
    cpu: float | None = None
    slow_path: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a load: the percentiles of a time in seconds, or a single `value` in `unit`.

    `metric` is the name in `harness.core.metric`, `n` the number of samples. A percentile is None where it lies among
    the requests that failed, which have no time.
    """

    metric: str
    title: str
    unit: str
    definition: str
    n: int = 0
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """What one load came to: `figures` are of the `judged` requests, which were due in the `seconds` after the warm-up.

    The other counts are of all requests; `errors` counts the failed ones by class. `good_shares` are the shares of good
    requests in equal slices of these seconds (None: without a request).
    """

    scenario: str
    intended: int = 0
    sent: int = 0
    completed: int = 0
    failed: int = 0
    judged: int = 0
    seconds: float = 0.0
    errors: Mapping[str, int] = field(default_factory=dict)
    figures: tuple[Figure, ...] = ()
    good_shares: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class LoadSlice:
    """The requests that were due in `seconds` seconds from second `t` of the run on: all, and those that failed.

    Of those that were answered the percentiles of the latency in seconds (None: there is none), and `counts`: how many
    lie in each bucket of the picture.
    """

    t: int
    seconds: int
    requests: int
    errors: int
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    counts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class LoadPicture:
    """Latency over time of the loads of a suite; `counts[i]` of a slice lie in (`bounds[i]`, `bounds[i+1]`] seconds."""

    suite: str
    bounds: tuple[float, ...]
    slices: tuple[LoadSlice, ...]


@dataclass(frozen=True, slots=True)
class FigureTrend:
    """A figure from run to run in `unit`: `name` is a check's id, or a load with its figure.

    `values[i]` is that of run i of the history; None where it had none. `direction` is the good side (`<=` or `>=`).
    """

    name: str
    unit: str
    direction: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class RunHistory:
    """Runs of the same target, data, loads and deadlines in their order; the last one is that of the report."""

    runs: tuple[str, ...]
    started: tuple[str, ...]
    verdicts: tuple[Status, ...]
    trends: tuple[FigureTrend, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """Everything a run ended with: the content of `gate.json`."""

    run: RunInfo
    target: Target
    plan: PlanInfo
    checks: tuple[CheckRow, ...]
    distributions: tuple[Distribution, ...] = ()
    series: tuple[Second, ...] = ()
    faults: tuple[FaultRow, ...] = ()
    generator: Generator | None = None
    loads: tuple[Load, ...] = ()
    pictures: tuple[LoadPicture, ...] = ()
    sweep: SweepResult | None = None
    waivers: tuple[Mapping[str, Any], ...] = ()
    proof: GateProof | None = None
    history: RunHistory | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    evidence_map: EvidenceMap | None = None
    schema: str = SCHEMA
