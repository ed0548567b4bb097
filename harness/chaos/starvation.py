"""When this machine was too busy for the harness, or for a service beside it: bad answers then are nobody's fault.

Two signs: the load's event loop was late, so that answers were read late; and, for a service on this machine, the
loop's thread waited for a processor much longer than it ran.

Tested in tests/chaos/test_starvation.py.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Set
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, cast

from harness.core.errors import ErrorClass
from harness.core.experiment import Experiment, Sample
from harness.core.verdict import Status, Verdict

_LATE, _SPAN = 0.1, 1.0
"""Seconds by which a loop that is late reads late, and seconds over which its waiting for a processor is added up."""

_LEAST_SHARE, _SLOWED, _SLOWED_MORE = 0.2, 3.0, 2.0
"""The share of a span that is spent waiting for a processor, and by what factor work is slowed by that at least, beside
a free machine and beside the baseline. Others that do as much as the machine can do slow work by a factor of 2; at 3
an answer that is all computing passes twice its time."""

_SCHEDSTAT = Path("/proc/thread-self/schedstat")

TIMEOUTS = frozenset(
    {
        ErrorClass.CONNECT_TIMEOUT,
        ErrorClass.FIRST_BYTE_TIMEOUT,
        ErrorClass.INTER_TOKEN_TIMEOUT,
        ErrorClass.TOTAL_TIMEOUT,
    }
)
"""Errors that waiting for a processor explains by itself."""

_EXPLAINED = TIMEOUTS | {ErrorClass.STATUS, ErrorClass.CLOSED, ErrorClass.CONNECT, ErrorClass.GONE}
"""And those that it explains by the deadlines of gateways and of connections that are kept."""

_Judge = TypeVar("_Judge", bound=Callable[..., Verdict])


class StarvationWatch:
    """Follows one thread, which must call `look` often. `is_here`: the service runs on this machine, too."""

    def __init__(self, *, is_here: bool) -> None:
        self._is_here = is_here and _SCHEDSTAT.exists()
        self._late: list[tuple[float, float]] = []
        self._spans: list[tuple[float, float, float, float]] = []
        self._last: tuple[float, float, float] | None = None

    def look(self, due: float, now: float) -> None:
        """The thread wanted to run at `due`, and runs `now`."""
        if now - due > _LATE:
            self._late.append((due, now))
        if self._is_here and (self._last is None or now - self._last[0] >= _SPAN):
            ran, waited = (int(field) / 1e9 for field in _SCHEDSTAT.read_text().split()[:2])
            if self._last is not None:
                began, ran_before, waited_before = self._last
                self._spans.append((began, now, ran - ran_before, waited - waited_before))
            self._last = now, ran, waited

    def list_starved(self, steady: float) -> tuple[tuple[float, float], ...]:
        """From when to when it was starved; until `steady` the baseline was measured."""
        before = [span for span in self._spans if span[1] <= steady]
        normal = _compute_slowdown(sum(span[2] for span in before), sum(span[3] for span in before))
        least = max(_SLOWED, _SLOWED_MORE * normal)
        starved = [
            (began, ended)
            for began, ended, ran, waited in self._spans
            if waited >= _LEAST_SHARE * (ended - began) and _compute_slowdown(ran, waited) >= least
        ]
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
