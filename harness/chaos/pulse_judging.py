"""Judge a pulse: the service comes back after it, at the load that it carried before.

Tested in tests/chaos/test_pulse_judging.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from harness.chaos.judging import judge_validity
from harness.chaos.recovery_judging import find_yardstick, judge_recovery
from harness.chaos.starvation import leave_open_if_starved
from harness.core.experiment import Experiment, Sample, select_samples
from harness.core.verdict import Status, Verdict, make_inconclusive
from harness.stats.recovery import Yardstick, find_broken_stretch, shows_effect

_FASTER = 0.75
"""The share of the earlier time of an answer that shows a service which is catching up."""

LOWERED = 0.1
"""The share of the load that is left where the service does not come back under it."""

_IN_A_ROW, _PATIENCE = 3, 3.0
"""Good answers in a row that show a service to be back, and how long the load is lowered for them at most, as a
multiple of the time in which it has to recover."""


def compute_lowered_seconds(recovery: float, rate: float) -> float:
    """Seconds for which a load of so many requests/s is lowered at most, where `recovery` seconds were not enough."""
    return _PATIENCE * recovery + (_IN_A_ROW + 2) / (LOWERED * rate)


def is_answering(samples: Sequence[Sample], yardstick: Yardstick) -> bool:
    """Whether the last few of these requests, in the order in which they were due, were answered well."""
    last = samples[-_IN_A_ROW:]
    return len(last) == _IN_A_ROW and all(sample.judged_latency <= yardstick.slow_over for sample in last)


def is_back_after_lowering(experiment: Experiment) -> bool:
    """Whether the service was back before the next run: by itself, or once the load was lowered."""
    if experiment.lowered is None:
        return True
    return _find_end(experiment) in (_BACK, _SLOWLY)


@leave_open_if_starved
def judge_pulse(experiment: Experiment) -> Verdict:
    """The service comes back within its deadline after the pulse, while the load is held.

    FAIL: it does not, though the same load was carried before; what happened when the load was lowered is named. PASS:
    it does, and the pulse was felt. A pulse that no answer shows decides nothing.
    """
    if (verdict := judge_validity(experiment)) is not None:
        return verdict
    recovery, plan = judge_recovery(experiment), experiment.plan
    pulse = f"the pulse of {plan.duration:.3g} s ({plan.describe_faults()})"
    if recovery.status is Status.FAIL:
        end = _find_end(experiment) if experiment.lowered is not None else _BY_ITSELF
        reason = f"{pulse} ended, and at the same load {end}{_describe_survived(experiment)}: {recovery.reason}"
        return replace(recovery, reason=reason)
    yardstick = find_yardstick(experiment)
    if not shows_effect(yardstick, _list_latencies(experiment, experiment.applied or 0.0, experiment.lifted)):
        faint = f"{pulse} was not felt: no more requests failed or became slower; make it stronger or longer"
        return make_inconclusive(faint, n=len(experiment.fault_samples), notes=experiment.notes)
    reason = f"{pulse} was felt, and at the same load the service is {recovery.reason}"
    if recovery.status is not Status.PASS:
        reason = f"{pulse}: {recovery.reason}"
    return replace(recovery, reason=reason)


_BY_ITSELF = "the service came back too late, though by itself"
_SLOWLY = "the service comes back too slowly: its answers were still getting faster when the load was lowered"
_LOST = "the service does not come back, not even with a tenth of the load: only a restart may help"
_BACK = "the service stayed down until the load was lowered to a tenth; raised again, the load was carried as before"
_DOWN_AGAIN = "the service stayed down until the load was lowered to a tenth; raised again, the load broke it again"


def _find_end(experiment: Experiment) -> str:
    """What lowering the load has shown."""
    lowered, raised, yardstick = experiment.lowered, experiment.raised, find_yardstick(experiment)
    if lowered is None or not is_answering(select_samples(experiment.samples, lowered, raised), yardstick):
        return _LOST
    if _is_catching_up(experiment):
        return _SLOWLY
    again = _list_latencies(experiment, raised or lowered, None)
    return _DOWN_AGAIN if not again or find_broken_stretch(yardstick, again) else _BACK


def _is_catching_up(experiment: Experiment) -> bool:
    """Whether the requests of the last third before the load was lowered took much less time than those of the first.

    A backlog that shrinks is no proof that the service stays down.
    """
    lifted, lowered = experiment.lifted or 0.0, experiment.lowered or 0.0
    third = (lowered - lifted) / 3
    early = _list_latencies(experiment, lifted, lifted + third)
    late = _list_latencies(experiment, lowered - third, lowered)
    return bool(early and late) and median(late) < _FASTER * median(early)


def _list_latencies(experiment: Experiment, start: float, end: float | None) -> list[float]:
    return [sample.judged_latency for sample in select_samples(experiment.samples, start, end)]


def _describe_survived(experiment: Experiment) -> str:
    if experiment.pulse is None:
        return ""
    survived, broken = experiment.pulse
    if not survived:
        return f" (one of {broken:.3g} s was not survived either)" if broken < experiment.plan.duration else ""
    return f" (the largest pulse survived: {survived:.3g} s; one of {broken:.3g} s is not)"
