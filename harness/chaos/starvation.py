"""When this machine was too busy for the harness, or for a service beside it: bad answers then are nobody's fault.

Three signs: the load's event loop was late, so that answers were read late; and, for a service on this machine, the
loop's thread waited for a processor much longer than it ran, or the service's own processes did, and got less than a
third of what the machine can do: then others had the rest. A thread that sleeps much, as the loop's, is let in first,
and does not see what a service meets that computes.

Tested in tests/chaos/test_starvation.py.
"""

from __future__ import annotations

import contextlib
import functools
import math
import os
from collections.abc import Callable, Sequence, Set
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, cast

from harness.core.errors import TIMEOUT_ERRORS, ErrorClass
from harness.core.experiment import Experiment, Sample
from harness.core.verdict import Status, Verdict
from harness.io.local_process import find_listeners, list_family, read_threads

_LATE, _SPAN = 0.1, 1.0
"""Seconds by which a loop that is late reads late, and seconds over which its waiting for a processor is added up."""

_LEAST_SHARE, _SLOWED, _SLOWED_MORE = 0.2, 3.0, 2.0
"""The share of a span that is spent waiting for a processor, and by what factor work is slowed by that at least, beside
a free machine and beside the baseline. Others that do as much as the machine can do slow work by a factor of 2; at 3
an answer that is all computing passes twice its time."""

_SCHEDSTAT = Path("/proc/thread-self/schedstat")

TIMEOUTS = frozenset({ErrorClass.CONNECT_TIMEOUT, *TIMEOUT_ERRORS})
"""Errors that waiting for a processor explains by itself."""

_EXPLAINED = TIMEOUTS | {ErrorClass.STATUS, ErrorClass.CLOSED, ErrorClass.CONNECT, ErrorClass.GONE}
"""And those that it explains by the deadlines of gateways and of connections that are kept."""

_Judge = TypeVar("_Judge", bound=Callable[..., Verdict])


class _Waiting:
    """For how long something ran, and waited for a processor, in each span of the run."""

    def __init__(self) -> None:
        self._spans: list[tuple[float, float, float, float]] = []

    def add(self, began: float, ended: float, ran: float, waited: float) -> None:
        """A span, and what happened in it."""
        self._spans.append((began, ended, ran, waited))

    def list_starved(self, steady: float, most: float = math.inf) -> list[tuple[float, float]]:
        """The spans in which it waited much more than until `steady`, and ran for at most the share `most` of them."""
        before = [span for span in self._spans if span[1] <= steady]
        normal = _compute_slowdown(sum(span[2] for span in before), sum(span[3] for span in before))
        least = max(_SLOWED, _SLOWED_MORE * normal)
        return [
            (began, ended)
            for began, ended, ran, waited in self._spans
            if waited >= _LEAST_SHARE * (ended - began)
            and _compute_slowdown(ran, waited) >= least
            and ran <= most * (ended - began)
        ]


class _ServiceThreads:
    """The threads of the processes that listen at some ports of this machine, and of their children."""

    def __init__(self, ports: Sequence[int]) -> None:
        self.most = 0.0
        self._ports, self._listeners = ports, set[int]()
        self._times: dict[int, tuple[float, float]] = {}
        self._find()

    def _find(self) -> None:
        self._listeners = find_listeners(self._ports)
        self._times = read_threads(list_family(self._listeners))
        with contextlib.suppress(OSError, AttributeError):
            for pid in self._listeners:
                self.most = len(os.sched_getaffinity(pid)) / _SLOWED

    def read_more(self) -> tuple[float, float]:
        """For how long they ran, and waited, since the last call; nothing where others have taken their place."""
        times = read_threads(list_family(self._listeners))
        if not times.keys() & self._times.keys():
            self._find()
            return 0.0, 0.0
        before, self._times = self._times, times
        more_ran = more_waited = 0.0
        for thread, (ran, waited) in times.items():
            ran_before, waited_before = before.get(thread, (0.0, 0.0))
            more_ran += ran - ran_before
            more_waited += waited - waited_before
        return more_ran, more_waited


class StarvationWatch:
    """Follows one thread, which must call `look` often, and who listens at `ports`.

    `is_here`: the service runs on this machine, too.
    """

    def __init__(self, *, is_here: bool, ports: Sequence[int] = ()) -> None:
        self._is_here = is_here and _SCHEDSTAT.exists()
        self._late: list[tuple[float, float]] = []
        self._own, self._of_service = _Waiting(), _Waiting()
        self._service = _ServiceThreads(ports if self._is_here else ())
        self._last: tuple[float, float, float] | None = None

    def look(self, due: float, now: float) -> None:
        """The thread wanted to run at `due`, and runs `now`."""
        if now - due > _LATE:
            self._late.append((due, now))
        if self._is_here and (self._last is None or now - self._last[0] >= _SPAN):
            ran, waited = (int(field) / 1e9 for field in _SCHEDSTAT.read_text().split()[:2])
            more = self._service.read_more()
            if self._last is not None:
                began, ran_before, waited_before = self._last
                self._own.add(began, now, ran - ran_before, waited - waited_before)
                self._of_service.add(began, now, *more)
            self._last = now, ran, waited

    def list_starved(self, steady: float) -> tuple[tuple[float, float], ...]:
        """From when to when it, or the service, was starved; until `steady` the baseline was measured."""
        starved = {*self._own.list_starved(steady), *self._of_service.list_starved(steady, self._service.most)}
        return tuple(sorted([*self._late, *starved]))


def _compute_slowdown(ran: float, waited: float) -> float:
    return 1 + waited / ran if ran else 1.0


def spare_starved(experiment: Experiment, errors: Set[str] = _EXPLAINED) -> Experiment:
    """The experiment as if each request since the first fault that ran into a starved time had been answered at once.

    Wrong answers stay, and those that failed with other `errors`: no machine is too busy to be right.
    """
    applied = experiment.applied
    if applied is None or not experiment.starved:
        return experiment

    def spare(sample: Sample) -> Sample:
        ended = sample.find_end()
        is_starved = any(start <= ended and sample.intended <= end for start, end in experiment.starved)
        is_explained = sample.error is None or sample.error in errors
        if sample.silent or ended < applied or not (is_starved and is_explained):
            return sample
        return replace(sample, latency=0.0, error=None, status=None)

    return replace(experiment, samples=tuple(map(spare, experiment.samples)))


def describe_starved(experiment: Experiment) -> str:
    """For how long this machine was too busy."""
    covered, last = 0.0, experiment.began
    for start, end in experiment.starved:
        covered += max(0.0, end - max(start, last))
        last = max(last, end)
    return f"this machine was too busy for {covered:.1f} s of the run: what ran on it waited for a processor"


def leave_open_if_starved(judge: _Judge, errors: Set[str] = _EXPLAINED) -> _Judge:
    """The judge, but INCONCLUSIVE for a FAIL that does not stand without the requests that ran into a starved time.

    `errors`: as in `spare_starved`.
    """

    @functools.wraps(judge)
    def judge_rest(experiment: Experiment, *args: Any, **kwargs: Any) -> Verdict:
        verdict = judge(experiment, *args, **kwargs)
        if verdict.status is not Status.FAIL or not experiment.starved:
            return verdict
        if judge(spare_starved(experiment, errors), *args, **kwargs).status is Status.FAIL:
            return verdict
        reason = f"bound by the client: {describe_starved(experiment)}; {verdict.reason}"
        return replace(verdict, status=Status.INCONCLUSIVE, reason=reason)

    return cast(_Judge, judge_rest)
