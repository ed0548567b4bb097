"""Load: what a load child is asked to do, and what it brings back. Plain data, JSON-able.

Tested in tests/load/test_run_load.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.core.endpoint import Endpoint
from harness.core.exchange import Request
from harness.core.report import Generator
from harness.core.settings import LoadSettings
from harness.core.verdict import Counterexample

_LAG, LAG_SHARE = 0.010, 0.10
"""Seconds by which the p99 of the sends may be late, or this share of the smallest latency limit if that is more."""
CPU, KEPT_UP, STALL = 0.9, 0.98, 0.25
"""The most CPU (share of one core), the least share of the asked rate, the longest stall or skew of clocks (s)."""

DEAD = 5.0
"""Seconds in which no request got an answer at all, after which an endpoint is taken to be gone."""


@dataclass(frozen=True, slots=True)
class Job:
    """One load: `requests` are sent in turn to `endpoint`, whose protocol is decided.

    `limits` maps a metric to the limits of its objectives, in seconds. `started` is the run's start on the
    system-wide monotonic clock; `run_dir` a folder that exists; `suite` is the one whose measurement it is.
    Holds the endpoint's secrets: never written to disk.
    """

    endpoint: Endpoint
    requests: tuple[Request, ...]
    load: LoadSettings
    run_dir: str
    started: float
    limits: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    arrivals: str = "constant"
    seed: int = 0
    suite: str = ""


@dataclass(frozen=True, slots=True)
class Counts:
    """One metric's samples in each time block (`harness.stats.dependence.TIME_BLOCKS` of them).

    All samples, those over the run's own p90, and those over each limit.
    """

    n: tuple[int, ...]
    over_p90: tuple[int, ...]
    over: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def over_limit(self, limit: float) -> tuple[int, ...]:
        """Samples over this limit in each block, exactly. Raises `KeyError` for one that the job did not name."""
        return self.over[repr(limit)]


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What a load brought: the content of `load/SCENARIO.json`, rewritten every second until `finished`.

    Counts of requests cover the whole run, `blocks` and `histograms` (sparse, seconds) only those meant to be sent
    after the warm-up. `latency` counts from the schedule, `service` from the send. `waited` arrivals found no free
    place among the requests in flight. `broken` are successes that were no valid or no whole answer. `gone` says that
    the endpoint disappeared, `client_bound` why the child and not the service may have set the pace. Of several
    processes `generator` and `stall` show the worst, and `skew` how far their clocks are apart (s).
    """

    scenario: str
    protocol: str
    intended: int
    sent: int = 0
    completed: int = 0
    failed: int = 0
    judged: int = 0
    waited: int = 0
    tokens: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)
    blocks: Mapping[str, Counts] = field(default_factory=dict)
    histograms: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    generator: Generator = field(default_factory=Generator)
    stall: float = 0.0
    skew: float = 0.0
    failures: tuple[Counterexample, ...] = ()
    broken: tuple[Counterexample, ...] = ()
    broken_count: int = 0
    client_bound: tuple[str, ...] = ()
    gone: str | None = None
    finished: bool = False
    problem: str | None = None

    @property
    def starved(self) -> bool:
        """Whether the child had no processor time to keep up with, whatever the service did."""
        return (self.generator.cpu or 0.0) > CPU or self.stall > STALL


def client_bound(result: LoadResult, limits: Sequence[float]) -> tuple[str, ...]:
    """Why the generator may have been the limit, as sentences; empty when it kept up. `limits` in seconds."""
    made, bound = result.generator, max(_LAG, LAG_SHARE * min(limits, default=0.0))
    reasons = []
    if made.lag_p99 is not None and made.lag_p99 > bound:
        why = f": {result.waited} arrivals found no free place, raise concurrency" if result.waited else ""
        reasons.append(
            f"requests left late: p99 {made.lag_p99 * 1e3:.3g} ms, at most {bound * 1e3:.3g} ms is allowed{why}"
        )
    if made.cpu is not None and made.cpu > CPU:
        reasons.append(f"the load generator used {made.cpu * 100:.0f} % of its core")
    if result.stall > max(STALL, bound):
        reasons.append(f"the load generator's own loop stood still for {result.stall:.2g} s")
    if result.skew > STALL:
        reasons.append(f"the clocks of its machines are {result.skew:.2g} s apart")
    if made.target_rate and made.achieved_rate is not None and made.achieved_rate < KEPT_UP * made.target_rate:
        reasons.append(f"{made.achieved_rate:.4g} of {made.target_rate:.4g} requests/s were sent")
    return tuple(reasons)


def unloadable(endpoint: Endpoint, duration: float = 0.0) -> str | None:
    """Why the load path, whose requests are made once, cannot reach this endpoint for so many seconds, or None."""
    if endpoint.is_grpc:
        return "the load suite speaks HTTP/1.1 and no gRPC; give its endpoint another protocol ([suite.load] protocol)"
    if endpoint.proxy is not None:
        return "the load suite cannot send through a proxy; take [endpoint] proxy out"
    if endpoint.signer is not None:
        return "the load suite cannot sign each request; take [endpoint] sign out"
    key = endpoint.credentials
    if key and key.command and duration > key.refresh:
        return f"the credential lasts {key.refresh:g} s and the load {duration:g} s; give a shorter load"
    return None
