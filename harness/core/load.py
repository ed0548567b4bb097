"""The job that a load child is given, and the result that it returns: plain data that can be written as JSON.

Tested in tests/load/test_judging.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from harness.core.arrival_settings import CLOSED, STEADY
from harness.core.comparison import Contrast
from harness.core.endpoint import Endpoint
from harness.core.exchange import Query, Request
from harness.core.flow import Flow
from harness.core.load_settings import LoadSettings
from harness.core.report import Figure, Generator
from harness.core.soak import SoakRecord
from harness.core.sweep import Saturation
from harness.core.turns import Turns
from harness.core.verdict import Counterexample
from harness.core.workload import OF_SESSIONS, SAMPLE, Material

_LAG, _LAG_SHARE = 0.010, 0.10
"""Seconds by which the p99 of the sends may be late, or this share of the smallest latency limit if that is more."""
_MOST_CPU, _LEAST_RATE, LONGEST_STALL = 0.9, 0.98, 0.25
"""The most CPU (share of one core), the least share of the wanted rate, the longest stall or skew of clocks (s)."""

_FEWEST_SENDS = 100
"""A worker that sent fewer requests has no p99 of its own."""

_WAITED_SHARE = 0.01
"""Fewer requests that waited for a slot are not what the p99 of the sends is due to."""

_FEWEST_ENDS, _LEAST_ENDS = 3, 0.01
"""Connections that a service ends unannounced which are no chance, in all and as a share of the requests."""

MOST_FAILED = "error_rate_most"
"""The blocks that count every success that the load generator held up for long as a failure."""

LONGEST_DELAY = 1.0
"""Seconds by which the load generator may delay a request that counts as a success of the moment it was due."""

DID_NOT_KEEP_UP = "the load generator did not keep up"
"""How the reason of every verdict begins that a client-bound load leaves open; the reports recognise it by this."""

SECONDS_UNTIL_GONE = 5.0
"""Seconds without an answer to any request after which the endpoint counts as gone."""


@dataclass(frozen=True, slots=True)
class KnownRequest:
    """A request that was answered alike each time without load: `content` is that answer. Of a labelled row that was
    answered with its `label` each time, the label is what counts.
    """

    name: str
    request: Request
    content: Any = None
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One load of `endpoint`, whose protocol is decided: requests made of `material`, or without it `requests` in turn.

    `limits` maps a metric to the limits of its objectives, in seconds. `started` is the run's start on the
    system-wide monotonic clock; `reference` the content of the answer without load, None where it is not compared, and
    `has_text` whether that answer had a text or outputs; `known` are further requests whose answers are, and `echo`
    asks for the mark in its text to be repeated, which the service does (None: not asked). `run_dir` is a folder that
    exists, `suite` the one whose measurement it is; `first` is the first arrival of the schedule that is sent (over 0
    for a soak that goes on). A `baseline` takes `turns` with the endpoint. Once requests in flight only
    become more, the load ends when so many samples of a metric are over a limit as one of `stops` says. Holds secrets:
    never written to disk.
    """

    endpoint: Endpoint
    requests: tuple[Request, ...]
    load: LoadSettings
    run_dir: str
    started: float
    limits: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    reference: Any = None
    has_text: bool = False
    seed: int = 0
    suite: str = ""
    material: Material | None = None
    known: tuple[KnownRequest, ...] = ()
    echo: Query | None = None
    first: int = 0
    baseline: Endpoint | None = None
    turns: Turns | None = None
    is_baseline: bool = False
    stops: tuple[tuple[str, float, int], ...] = ()

    def list_sides(self) -> tuple[Job, ...]:
        """The job of each endpoint: this one's, and that of the `baseline` which takes `turns` with it."""
        if self.baseline is None or self.turns is None:
            return (self,)
        return self, replace(self, endpoint=self.baseline, baseline=None, turns=self.turns.swap(), is_baseline=True)

    @property
    def seconds(self) -> float:
        """How long the run of the schedule is."""
        return self.load.duration if self.turns is None else self.turns.seconds

    @property
    def has_controls(self) -> bool:
        """Whether requests with a known answer are sent now and then between the others."""
        if self.material is None or self.material.workload in (SAMPLE, *OF_SESSIONS):
            return False
        return self.reference is not None or bool(self.known) or self.echo is not None


@dataclass(frozen=True, slots=True)
class Counts:
    """One metric's samples in each time block (`harness.stats.dependence.TIME_BLOCKS` of them).

    All samples, those over each limit, and those over each of the run's own `harness.stats.dependence.OWN_QUANTILES`.
    Failures, which have no size, are those over the limit 0.
    """

    n: tuple[int, ...]
    over: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    over_quantiles: tuple[tuple[int, ...], ...] = ()

    def over_limit(self, limit: float) -> tuple[int, ...]:
        """Samples over this limit in each block, exactly. Raises `KeyError` for one that the job did not name."""
        return self.over[repr(limit)]


@dataclass(frozen=True, slots=True)
class WorkerShare:
    """The part that one of several processes has in a load: of its `planned` requests `sent` and `completed` are known
    to have been sent and to have ended.

    `name` says which process it is; `lag_p99`, `stall` and `skew` are seconds, as in the result of the whole. A worker
    that `is_lost` sent no message any more before it had finished.
    """

    name: str
    planned: int
    sent: int
    completed: int
    lag_p99: float | None
    cpu: float
    stall: float
    skew: float
    is_lost: bool = False

    def describe_loss(self) -> str:
        """What is not known because this worker is lost."""
        unsent, open_count = self.planned - self.sent, self.sent - self.completed
        counts = f"{self.completed} had ended, {open_count} were under way and {unsent} count as not sent"
        return f"{self.name} died or lost its connection: of its {self.planned} requests {counts}"


@dataclass(frozen=True, slots=True)
class LoadResult:
    """The result of a load: the content of `load/SCENARIO.json`, rewritten every second until `finished`.

    Counts of requests cover the whole run, `blocks` and `histograms` (sparse, seconds) only requests that were due
    in the `seconds` after the warm-up (`by_block`, at the end: their histograms by block), and `figures` are what
    people read of these, `peer_figures` under the names of other tools. `latency` counts from the schedule, `service`
    from the send. `waited` arrivals found no free slot among the requests in flight, `repeated` requests were sent
    before. `workload` says in words what the requests were, `cache` what shows that repeats are answered from a
    cache, `bursts` that streams were held back and flushed, `shortfall` that answers were shorter than asked;
    `others` that others sent requests, too, `recovery` when a service had recovered after the peak of a stress; the
    successes with `in_chunks` state no tokens. `broken` are answers that were declared a success and are invalid or
    incomplete, `wrong` those that are not the known ones. Of the `echoed` answers that were to repeat a code,
    `unechoed` do not, such as `lost_echoes`. `unannounced` connections were ended by the service soon after an answer,
    without `Connection: close` in it. `flow` is how they queued, as one process saw it. `gone` says that the
    endpoint disappeared, `client_bound` why the load was not the one asked for, `late` how the load generator
    delayed single requests: its effect on a verdict is bounded by the blocks named by `name_least` and
    `MOST_FAILED`. `overran`: it was stopped at its deadline. Of several processes `generator` and `stall` show the
    worst, `skew` by how much their clocks differ (s), and `workers` the part of each. `loop` is empty for
    an open loop (`LoadSettings.loop`); of sessions, `unreached` turns were not due any more before the schedule's end,
    because the answers before them took time. `saturation` says that the load was ended, since its queue only grew.
    """

    scenario: str
    protocol: str
    intended: int
    sent: int = 0
    completed: int = 0
    failed: int = 0
    judged: int = 0
    seconds: float = 0.0
    arrivals: str = ""
    shape: str = STEADY
    loop: str = ""
    unreached: int = 0
    schedule: str = ""
    phases: tuple[tuple[str, int, int], ...] = ()
    recovery: str = ""
    figures: tuple[Figure, ...] = ()
    peer_figures: tuple[Figure, ...] = ()
    waited: int = 0
    repeated: int = 0
    workload: str = ""
    cache: str = ""
    bursts: str = ""
    shortfall: str = ""
    others: str = ""
    in_chunks: int = 0
    tokens: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)
    blocks: Mapping[str, Counts] = field(default_factory=dict)
    histograms: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    by_block: Mapping[str, Mapping[str, Mapping[str, int]]] = field(default_factory=dict)
    generator: Generator = field(default_factory=Generator)
    stall: float = 0.0
    skew: float = 0.0
    workers: tuple[WorkerShare, ...] = ()
    failures: tuple[Counterexample, ...] = ()
    broken: tuple[Counterexample, ...] = ()
    broken_count: int = 0
    wrong: tuple[Counterexample, ...] = ()
    wrong_count: int = 0
    compared: int = 0
    not_compared: str = ""
    echoed: int = 0
    unechoed: int = 0
    unannounced: int = 0
    lost_echoes: tuple[Counterexample, ...] = ()
    flow: Flow | None = None
    client_bound: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    overran: bool = False
    soak: SoakRecord | None = None
    baseline: LoadResult | None = None
    baseline_url: str = ""
    contrasts: tuple[Contrast, ...] = ()
    gone: str | None = None
    saturation: Saturation | None = None
    finished: bool = False
    problem: str | None = None

    @property
    def distinct(self) -> float:
        """The share of the sent requests that no earlier one was equal to."""
        return 1 - self.repeated / self.sent if self.sent else 1.0

    def describe_loop(self) -> str:
        """What of this load no schedule decides, and what its times therefore leave out; empty for an open loop."""
        if not self.loop:
            return ""
        if self.loop == CLOSED:
            return (
                f"{self.schedule}: latency counts from the send, and a service that is slow is asked less; what users "
                "of an open service would have waited is not in it (coordinated omission)"
            )
        line = f"{self.schedule}: open loop for the first turns, closed for the later ones"
        if self.unreached:
            share = f"{self.unreached} of {self.intended} planned turns"
            line += f"; {share} were not sent: the answers before them took too long"
        return line

    def describe_connections(self) -> str:
        """That the service ends connections which it lets clients keep; empty where it ends few."""
        if self.unannounced < _FEWEST_ENDS or self.unannounced < _LEAST_ENDS * self.completed:
            return ""
        return (
            f"the service ended {self.unannounced} connections right after an answer without announcing it by "
            "`Connection: close` (RFC 9112 section 9.6): clients that keep connections lose requests; where this load "
            "noticed it in time, requests got a new connection each"
        )

    @property
    def is_starved(self) -> bool:
        """Whether the load generator had too little processor time to keep up, whatever the service did."""
        return (self.generator.cpu or 0.0) > _MOST_CPU

    @property
    def losses(self) -> tuple[str, ...]:
        """What is not known because a worker is lost, for each of these."""
        return tuple(worker.describe_loss() for worker in self.workers if worker.is_lost)

    def name_worst(self, measure: Callable[[WorkerShare], float]) -> str:
        """Who has the largest of these values: a worker of several, or the load generator."""
        return max(self.workers, key=measure).name if self.workers else "the load generator"


def describe_time(seconds: float) -> str:
    """A time with three digits: `350 µs`, `12.3 ms`, `1.25 s`."""
    if 0 < seconds < 5e-7:
        return "0 s"
    if 0 < seconds < 1e-3:
        return f"{seconds * 1e6:.3g} µs"
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1e3:.3g} ms"


def name_least(metric: str) -> str:
    """The blocks of a latency without the seconds for which the load generator itself held it up."""
    return f"{metric}_least"


def find_delays(result: LoadResult, limits: Sequence[float]) -> tuple[str, ...]:
    """How the load generator delayed requests by more than it may, as sentences. `limits` in seconds."""
    lag, most_lag = result.generator.lag_p99, max(_LAG, _LAG_SHARE * min(limits, default=0.0))
    reasons = []
    late = [worker for worker in result.workers if worker.sent >= _FEWEST_SENDS and (worker.lag_p99 or 0) > most_lag]
    late.sort(key=lambda worker: worker.lag_p99 or 0, reverse=True)
    if late or (lag is not None and lag > most_lag):
        longest = (late[0].lag_p99 if late else lag) or 0
        reason = f"requests were sent late: p99 {describe_time(longest)}, at most {most_lag * 1e3:.3g} ms is allowed"
        if late:
            reason += f", by {', '.join(worker.name for worker in late[:3])}"
        if result.waited > _WAITED_SHARE * result.sent:
            reason += f": {result.waited} arrivals found no free slot, raise concurrency"
        reasons.append(reason)
    if result.stall > max(LONGEST_STALL, most_lag):
        name = result.name_worst(lambda worker: worker.stall)
        reasons.append(f"the loop of {name} stood still for {result.stall:.2g} s")
    return tuple(reasons)


def find_client_limits(result: LoadResult) -> tuple[str, ...]:
    """Why the load was not the one asked for, through no fault of the service, as sentences; empty when it was."""
    generator = result.generator
    reasons = list(result.losses)
    if generator.cpu is not None and generator.cpu > _MOST_CPU:
        reasons.append(f"{result.name_worst(lambda worker: worker.cpu)} used {generator.cpu * 100:.0f} % of its core")
    if result.skew > LONGEST_STALL:
        reason = f"the clocks of its machines differ by {result.skew:.2g} s"
        if result.workers:
            reason += f", most that of {result.name_worst(lambda worker: worker.skew)}"
        reasons.append(reason)
    target, achieved = generator.target_rate, generator.achieved_rate
    if target and achieved is not None and achieved < _LEAST_RATE * target:
        reasons.append(f"{achieved:.4g} of {target:.4g} requests/s were sent")
    return tuple(reasons)


def find_slow_path(endpoint: Endpoint) -> str:
    """Why requests go through the slower ordinary client; empty where the load engine can send them."""
    if endpoint.is_grpc:
        return "the service speaks gRPC"
    if endpoint.proxy is not None:
        return "there is a proxy"
    if endpoint.signer is not None:
        return "each request is signed"
    # Without TLS there is nobody to agree with on HTTP/2, and HTTP/1.1 is spoken.
    return "HTTP/2 is spoken" if endpoint.http2 and endpoint.is_secure else ""


def describe_slow_path(endpoint: Endpoint) -> str:
    """What the slow path is and why it is taken, as one line; empty where it is not."""
    why = find_slow_path(endpoint)
    return why and f"slow path: {why}, so the ordinary client sends in place of the faster load engine"


def find_load_obstacle(endpoint: Endpoint, duration: float = 0.0) -> str | None:
    """Why this endpoint cannot be loaded for so many seconds, or None."""
    key = endpoint.credentials
    if key and key.command and duration > key.refresh:
        return f"the credential lasts {key.refresh:g} s and the load {duration:g} s; shorten [load] duration"
    return None
