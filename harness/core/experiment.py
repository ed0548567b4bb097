"""Experiment: one fault put on one link under a steady load, and what the answers say about the service. No IO.

Times are seconds from the start of the run. One open-loop load runs through baseline, fault and recovery, and every
request counts where the schedule wanted it sent, so that a stalled client hides nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from harness.core.bounds import OverZero
from harness.core.verdict import Counterexample

WINDOW, WINDOWS, STEP = 1.0, 3, 0.1
"""Seconds of a recovery window, how many in a row must be within tolerance, and the grid of instants tried."""

SHARE, FACTOR, _SLACK = 0.05, 2.0, 0.05
"""Tolerance around the baseline: share of good answers less `SHARE`, p95 latency times `FACTOR` plus `SLACK` s."""


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
class Fault:
    """A disturbance of a link for `duration` seconds: an experiment of its own.

    `kind` is latency, bandwidth, timeout, reset_peer, down or truncate_stream; `attributes` are those of Toxiproxy's
    toxic (times in ms); `toxicity` the share of connections that it strikes.
    """

    name: str = field(default="", kw_only=True)
    link: str
    kind: str
    attributes: Mapping[str, int | float | str] = field(default_factory=dict)
    stream: Literal["upstream", "downstream"] = "downstream"
    toxicity: float = 1.0
    duration: OverZero[float] = 5.0


@dataclass(frozen=True, slots=True)
class ChaosSettings:
    """Requests/s of the open-loop load, seconds of the baseline, and the longest wait for recovery in seconds."""

    rate: OverZero[float] = 10.0
    baseline: OverZero[float] = 5.0
    recovery: OverZero[float] = 10.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One request of the load: `latency` from the schedule to the end (None: no answer), `lag` until it was sent.

    `error` is its `ErrorClass`; `silent` says why an answer that was declared a success is none.
    """

    intended: float
    latency: float | None
    lag: float
    error: str | None = None
    silent: str = ""

    @property
    def good(self) -> bool:
        """A success that is right."""
        return self.error is None and not self.silent


@dataclass(frozen=True, slots=True)
class Proof:
    """Whether the fault struck: `confirmed` is counter, probe or none; `affected` the connections or requests hit."""

    confirmed: str = "none"
    affected: int | None = None
    detail: str = "nothing was looked at"


@dataclass(frozen=True, slots=True)
class Experiment:
    """What one experiment saw: the content of `chaos/<fault>.json`.

    Its phases: baseline from `began`, the fault from `applied` to `lifted`, recovery from there to `finished`; a phase
    that never came is None. `broken` says what broke the experiment itself (ERROR), `undecided` why it decides
    nothing (INCONCLUSIVE).
    """

    fault: Fault
    began: float
    applied: float | None = None
    lifted: float | None = None
    recovered: float | None = None
    finished: float = 0.0
    proof: Proof = Proof()
    samples: tuple[Sample, ...] = ()
    broken: str = ""
    undecided: str = ""
    corrupted: tuple[Counterexample, ...] = ()
    failed: tuple[Counterexample, ...] = ()
    notes: tuple[str, ...] = ()

    def during(self) -> list[Sample]:
        """The samples meant to be sent while the fault was on."""
        return [] if self.applied is None else between(self.samples, self.applied, self.lifted)


def between(samples: Iterable[Sample], start: float, end: float | None) -> list[Sample]:
    """The samples whose intended time lies in [start, end)."""
    return [s for s in samples if start <= s.intended < (math.inf if end is None else end)]


def failed_share(samples: Sequence[Sample]) -> float:
    """The share of samples that are no right success; 1 of none."""
    return sum(not s.good for s in samples) / len(samples) if samples else 1.0


def p95(values: Iterable[float | None]) -> float:
    """The nearest-rank 95th percentile of what is known; infinite of nothing."""
    found = sorted(value for value in values if value is not None)
    return found[math.ceil(0.95 * len(found)) - 1] if found else math.inf


def tolerated(samples: Sequence[Sample], baseline: Sequence[Sample]) -> bool:
    """Whether share of right answers and p95 latency lie within the tolerance of the baseline; not so of no sample."""
    if not samples or failed_share(samples) > failed_share(baseline) + SHARE:
        return False
    found, usual = (p95(s.latency for s in some if s.good) for some in (samples, baseline))
    return found <= FACTOR * usual + _SLACK


def recovered_at(
    samples: Sequence[Sample], baseline: Sequence[Sample], lifted: float, until: float, window: float = WINDOW
) -> float | None:
    """The first instant from `lifted` on, on a grid of `STEP`, that begins `WINDOWS` windows in a row in tolerance.

    The windows must end by `until`; None: there is no such instant (right-censored).
    """
    after = between(samples, lifted, until)
    tries = math.floor((until - lifted - WINDOWS * window) / STEP + 1e-6) + 1
    for start in (lifted + STEP * i for i in range(max(0, tries))):
        windows = (between(after, start + j * window, start + (j + 1) * window) for j in range(WINDOWS))
        if all(tolerated(found, baseline) for found in windows):
            return start
    return None
