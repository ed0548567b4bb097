"""Experiment: faults over time under a steady load, as planned and as measured. No IO.

Times of a measurement are seconds from the start of the run. One open-loop load runs through baseline, faults and
recovery. Every request is assigned to the moment at which the schedule intended to send it, so that a stalled client
hides nothing.

Tested in tests/core/test_timeline.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Literal

from harness.core.bounds import MOST_REQUESTS, OverZero
from harness.core.objective import Objective
from harness.core.verdict import Counterexample

OF_CLIENTS = "the endpoint"
"""The `place` of faults that clients make."""


@dataclass(frozen=True, slots=True)
class Link:
    """A network path that goes through a fault proxy.

    `api` is the base URL of a server that speaks Toxiproxy's API, `proxy` the proxy's name there. With `listen` and
    `upstream` ("host:port") the harness creates the proxy where it is not there.
    """

    name: str
    api: str
    proxy: str
    listen: str | None = None
    upstream: str | None = None


@dataclass(frozen=True, slots=True)
class RequestWhere:
    """Which requests a fault may strike, if it strikes single ones; an empty text is no condition."""

    method: str = ""
    path: str = ""
    header: str = ""
    body: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """A disturbance of a link for `duration` seconds; each `[[fault]]` is an experiment of its own.

    `kind` is the name of a fault file and `attributes` the values of its parameters; `toxicity` is the share of
    connections (for some kinds: of requests) that it strikes. `where` is written for those of the `attributes` that
    are conditions on requests. Without a link it is one that clients make, or that the platform makes of the replica
    `platform`.
    """

    name: str = field(default="", kw_only=True)
    platform: str = field(default="", kw_only=True)
    where: RequestWhere = field(default=RequestWhere(), kw_only=True)
    link: str
    kind: str
    attributes: Mapping[str, int | float | str] = field(default_factory=dict)
    stream: Literal["upstream", "downstream"] = "downstream"
    toxicity: float = 1.0
    duration: OverZero[float] = 5.0

    @property
    def place(self) -> str:
        """What it disturbs, in words, which no other place has."""
        if self.platform:
            return f"platform {self.platform}"
        return f"link {self.link}" if self.link else OF_CLIENTS


@dataclass(frozen=True, slots=True)
class FaultRamp:
    """A fault that grows: in `steps` equal steps over its duration, from its own values to these.

    The first step has the fault's own `attributes` and `toxicity`, the last one those of the ramp.
    """

    steps: OverZero[int] = 5
    attributes: Mapping[str, int | float] = field(default_factory=dict)
    toxicity: float | None = None


@dataclass(frozen=True, slots=True)
class TimedFault(Fault):
    """A fault of a timeline: on from `at` seconds after the end of the baseline, for `duration` seconds."""

    at: float = field(default=0.0, kw_only=True)
    ramp: FaultRamp | None = field(default=None, kw_only=True)

    @property
    def end(self) -> float:
        """When it is lifted, in seconds after the end of the baseline."""
        return self.at + self.duration


@dataclass(frozen=True, slots=True)
class StopCondition:
    """What ends every fault at once: `metric` beyond `limit` over the last `seconds` (`text`: as it is written).

    A share for `error_rate`, seconds for a `latency` at its `quantile`, a share of the baseline's good answers per
    second for `goodput`. `direction` is `>` or `<`.
    """

    metric: str
    direction: str
    limit: float
    seconds: float
    text: str
    quantile: float | None = None


@dataclass(frozen=True, slots=True)
class ChaosSettings:
    """Requests/s of the open-loop load, seconds of the baseline, and seconds within which the service must recover.

    `shrink`: the smallest part of a failing experiment of several faults is looked for.
    """

    rate: OverZero[float] = 10.0
    baseline: OverZero[float] = 5.0
    recovery: OverZero[float] = 10.0
    shrink: bool = False

    def find_problem(self, under_fault: float = 0.0) -> tuple[str, str] | None:
        """The key that makes an experiment with so many seconds of faults impossible, and why; or None."""
        if self.rate * (self.baseline + under_fault + self.recovery) > MOST_REQUESTS:
            return "rate", f"rate times the phases is over {MOST_REQUESTS:,} requests; give fewer"
        return None


RIGHT, LOST = "right", "lost"
"""What is known of the content of a success: it is as it must be, or it lacks what it had to repeat."""


@dataclass(frozen=True, slots=True)
class ExperimentPlan:
    """An experiment as configured: a `[[experiment]]`, or a `[[fault]]`, which is one with a single fault.

    `chaos` has the load, the baseline and the deadline of recovery; `faults` are in the order in which they begin, each
    with a name of its own. No fault strikes more than the share `blast_radius` of what its link carries. `seed` is that
    of the load, and of what the fault proxy strikes (None: the run's). `metastability`: the faults are one pulse, and
    it is asked whether the service comes back at the load that it is held at; where it does not, the load is lowered,
    and shorter pulses are tried. `objectives` are its own, beside those of the suite.
    """

    name: str
    faults: tuple[TimedFault, ...]
    chaos: ChaosSettings = ChaosSettings()
    hypothesis: str = ""
    stop: tuple[StopCondition, ...] = ()
    blast_radius: float = 1.0
    seed: int | None = None
    metastability: bool = False
    objectives: tuple[Objective, ...] = ()

    @classmethod
    def of_fault(cls, fault: Fault, chaos: ChaosSettings = ChaosSettings()) -> ExperimentPlan:
        """The experiment with this fault alone."""
        values = {key.name: getattr(fault, key.name) for key in fields(Fault)}
        return cls(fault.name, (TimedFault(**values),), chaos)

    @property
    def links(self) -> tuple[str, ...]:
        """The names of the disturbed links."""
        return tuple(dict.fromkeys(fault.link for fault in self.faults if fault.link))

    def join_objectives(self, of_suite: Sequence[Objective]) -> tuple[Objective, ...]:
        """The suite's objectives, each replaced by the experiment's own one of the same name, if it has one."""
        own = {objective.slug for objective in self.objectives}
        return (*(objective for objective in of_suite if objective.slug not in own), *self.objectives)

    @property
    def duration(self) -> float:
        """Seconds from the first fault to the end of the last one."""
        return max(fault.end for fault in self.faults) - min(fault.at for fault in self.faults)

    def describe_faults(self) -> str:
        """Its faults in a few words: the kind of a single one, the kinds and their links of several."""
        if len(self.faults) == 1:
            return self.faults[0].kind
        return ", ".join(f"{fault.kind} on {fault.link or fault.place}" for fault in self.faults)


@dataclass(frozen=True, slots=True)
class Sample:
    """One request of the load; times in seconds.

    `latency` runs from the intended time to the end of the answer (None: no answer), `lag` from the intended time until
    it was sent. `error` is its `ErrorClass`, `status` the HTTP status of an answer that is an error, `says_when`
    whether it states when to come again; `silent` says why an answer is wrong that was declared a success.

    `query` is the number of its query, negative for one that asks for a code. Of a success, `size` counts the
    characters of its text (values of its outputs; None where another model than before answered), `has_usage` says
    whether it states its tokens, and `known` is
    `RIGHT` where its content is known and as it must be, `LOST` where what it had to repeat is not in it. `ended` is
    when the request was over, in seconds of the run (None: `latency` after it was due, or at once).
    """

    intended: float
    latency: float | None
    lag: float
    error: str | None = None
    silent: str = ""
    query: int = 0
    size: int | None = None
    known: str = ""
    has_usage: bool = False
    status: int | None = None
    says_when: bool = False
    ended: float | None = None

    @property
    def is_good(self) -> bool:
        """Whether it was answered, and the answer is right."""
        return self.error is None and not self.silent

    def find_end(self) -> float:
        """When the request was over, in seconds of the run."""
        return self.intended + (self.latency or 0.0) if self.ended is None else self.ended

    @property
    def judged_latency(self) -> float:
        """The latency; infinite when the answer failed or is wrong."""
        return self.latency if self.is_good and self.latency is not None else math.inf


@dataclass(frozen=True, slots=True)
class Proof:
    """Whether the fault struck: `confirmed` is counter, probe or none; `affected` counts connections or requests.

    `ours` counts the requests among them that carry our mark, None where nobody counts them. `exit` says whether a
    process that was asked to end did so before the lift; empty where none was asked. `waits` counts those of our
    requests whose sender was asked to wait and is known again, `early` the attempts that came before that time.
    """

    confirmed: str = "none"
    affected: int | None = None
    detail: str = "nothing was looked at"
    ours: int | None = None
    exit: Literal["", "in time", "late"] = ""
    waits: int = 0
    early: int = 0


@dataclass(frozen=True, slots=True)
class Strike:
    """One fault of an experiment as it happened: when it was on (None: never applied, or not lifted), and its proof."""

    fault: TimedFault
    applied: float | None = None
    lifted: float | None = None
    proof: Proof = Proof()


@dataclass(frozen=True, slots=True)
class Experiment:
    """What one experiment measured: the content of `chaos/<name>.json`.

    Its phases: the baseline from `began`, the faults from `applied` (the first) to `lifted` (the last), recovery from
    there to `finished`; a phase that was not reached is None. `proof` is that of all faults together, `strikes` has
    each of them. `broken` says what broke the experiment itself (ERROR), `undecided` why it cannot be judged
    (INCONCLUSIVE), `stopped` what ended its faults before their time: a stop condition, or an operator. `corrupted`
    and `failed` are examples of wrong answers and of failed requests. `unsent` counts requests that are not among the
    samples: this machine was too busy to send them in time; `starved` are the times, from when to when, in which it was
    too busy to read in time, or to let a service on it work. `struck` is how many of our own requests the faults have
    struck, as far as that is known; `attempts` how many of them the links carried from the first fault to the end of
    the last one, and how many were sent (None: not known). `shortest` is an example of the
    success that is the shortest beside the first one to its query. `lowered` and `raised` are when the load was lowered
    since the service did not come back under it, and when it was as before again; `pulse` is the longest pulse in
    seconds that was survived (0: none), and the shortest that was not. `in_flight` is how many requests the service
    stated to be in flight before the load, and once it was over (None: not asked, or not stated).
    """

    plan: ExperimentPlan
    began: float
    applied: float | None = None
    lifted: float | None = None
    recovered: float | None = None
    finished: float = 0.0
    proof: Proof = Proof()
    samples: tuple[Sample, ...] = ()
    unsent: int = 0
    starved: tuple[tuple[float, float], ...] = ()
    struck: int | None = None
    attempts: tuple[int, int] | None = None
    broken: str = ""
    undecided: str = ""
    corrupted: tuple[Counterexample, ...] = ()
    failed: tuple[Counterexample, ...] = ()
    shortest: tuple[Counterexample, ...] = ()
    notes: tuple[str, ...] = ()
    strikes: tuple[Strike, ...] = ()
    stopped: str = ""
    lowered: float | None = None
    raised: float | None = None
    pulse: tuple[float, float] | None = None
    in_flight: tuple[float, float] | None = None

    @property
    def fault_samples(self) -> list[Sample]:
        """The samples that were intended from the first fault to the end of the last one."""
        if self.applied is None:
            return []
        return select_samples(self.samples, self.applied, self.lifted)

    @property
    def overtaken_samples(self) -> list[Sample]:
        """The samples that were on their way when the first fault began: it may have struck them, too."""
        applied = self.applied
        if applied is None:
            return []
        return [sample for sample in self.samples if sample.intended < applied < sample.find_end()]


def select_samples(samples: Iterable[Sample], start: float, end: float | None) -> list[Sample]:
    """The samples whose intended time lies in [start, end); an end of None is no limit."""
    return [sample for sample in samples if start <= sample.intended and (end is None or sample.intended < end)]


def compute_p95(values: Iterable[float | None]) -> float:
    """The nearest-rank 95th percentile of the values that are not None; infinite when there are none."""
    ranked = sorted(value for value in values if value is not None)
    if not ranked:
        return math.inf
    return ranked[math.ceil(0.95 * len(ranked)) - 1]
