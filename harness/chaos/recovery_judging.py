"""Judge the recovery after a fault: the answers after the limit beside those of the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.chaos.judging import judge_validity, weaken_if_stopped
from harness.chaos.starvation import leave_open_if_starved
from harness.core.experiment import ChaosSettings, Experiment, Sample, select_samples
from harness.core.verdict import Status, Verdict
from harness.stats.recovery import (
    RecoveryDecision,
    Yardstick,
    bound_recovery,
    count_rest,
    decide_recovery,
    estimate_recovery,
    is_recovered,
    measure_yardstick,
)

_METHOD = "answers after the limit beside the baseline's: Fisher's exact test over stretches, binomial tail for a PASS"


def compute_watch(chaos: ChaosSettings) -> float:
    """Seconds for which the answers are watched after the lift: what decides a recovery at the last moment, too."""
    return chaos.recovery + count_rest(chaos.rate) / chaos.rate


def select_baseline(samples: Sequence[Sample], began: float, chaos: ChaosSettings) -> list[Sample]:
    """The samples that were due before the configured end of the baseline."""
    return select_samples(samples, began, began + chaos.baseline)


def measure_baseline(baseline: Sequence[Sample], chaos: ChaosSettings) -> Yardstick:
    """The yardstick for recovery. Raises `ValueError` when no answer is good."""
    return measure_yardstick([sample.judged_latency for sample in baseline], chaos.rate)


def find_yardstick(experiment: Experiment) -> Yardstick:
    """The yardstick of the experiment's own baseline. Raises as `measure_baseline`."""
    chaos = experiment.plan.chaos
    return measure_baseline(select_baseline(experiment.samples, experiment.began, chaos), chaos)


def find_recovery(experiment: Experiment) -> float | None:
    """The time at which the service was back at the baseline for good; None when the answers do not show it."""
    watch = _Watch.begin(experiment)
    return watch.find_return(0)


@leave_open_if_starved
def judge_recovery(experiment: Experiment, limit: float | None = None) -> Verdict:
    """Back at the baseline within `limit` seconds (None: the `recovery` of its plan) after the fault was lifted.

    A limit beyond what was watched is not refuted by that: INCONCLUSIVE.
    """
    if (verdict := judge_validity(experiment)) is not None:
        return verdict
    watch, horizon = _Watch.begin(experiment), experiment.plan.chaos.recovery
    limit = horizon if limit is None else limit
    first = watch.find_index(min(limit, horizon))
    interval: tuple[float, float | None] = horizon, None
    if not watch.after[first:]:
        status, reason, seconds = Status.INCONCLUSIVE, "no request was sent after the limit", None
    else:
        decision = decide_recovery(watch.yardstick, watch.latencies[first:])
        status, reason, seconds = watch.judge(first, limit, decision)
        if seconds is not None:
            interval = watch.bound_return(first + decision.stretch.start if decision.stretch else 0)
    verdict = Verdict(
        status,
        reason,
        metric="recovery",
        unit="s",
        direction="<=",
        estimate=seconds,
        ci=interval,
        method=_METHOD,
        n=1,
        limit=limit,
        counterexamples=() if status is Status.PASS else experiment.failed[-1:],
        notes=experiment.notes,
    )
    return weaken_if_stopped(experiment, verdict)


@dataclass(frozen=True, slots=True)
class _Watch:
    """The answers `after` the lift, their `latencies` (inf: bad), and the yardstick of the baseline."""

    yardstick: Yardstick
    lifted: float
    after: list[Sample]
    latencies: list[float]
    chaos: ChaosSettings

    @classmethod
    def begin(cls, experiment: Experiment) -> _Watch:
        chaos = experiment.plan.chaos
        yardstick = find_yardstick(experiment)
        lifted = experiment.lifted or 0.0
        after = select_samples(experiment.samples, lifted, lifted + compute_watch(chaos))
        return cls(yardstick, lifted, after, [sample.judged_latency for sample in after], chaos)

    def find_index(self, seconds: float) -> int:
        """The index of the first answer that was due so many seconds after the lift."""
        return sum(sample.intended - self.lifted < seconds for sample in self.after)

    def find_return(self, start: int) -> float | None:
        """When the service was back, looking from the answer `start` on; None when the rest does not show it."""
        back = start + estimate_recovery(self.yardstick, self.latencies[start:])
        if not is_recovered(self.yardstick, self.latencies[back:]):
            return None
        return self.after[back].intended if back else self.lifted

    def bound_return(self, start: int) -> tuple[float, float]:
        """From when to when, in seconds after the lift, the service can have come back, looking from `start` on."""
        low, high = bound_recovery(self.yardstick, self.latencies[start:])
        since = [sample.intended - self.lifted for sample in self.after]
        return max(0.0, since[start + low - 1]) if start + low else 0.0, since[min(start + high, len(since) - 1)]

    def judge(self, first: int, limit: float, decision: RecoveryDecision) -> tuple[Status, str, float | None]:
        """The status, the reason and the seconds until the recovery, for the answers from `first` on."""
        horizon, stretch = self.chaos.recovery, decision.stretch
        returned = self.find_return(first + stretch.start if stretch else 0)
        seconds = None if returned is None else returned - self.lifted
        back = "no recovery seen"
        if seconds is not None:
            low, high = self.bound_return(first + stretch.start if stretch else 0)
            back = f"back at the baseline {seconds:.1f} s after the lift (95 %: {low:.1f} to {high:.1f} s)"
        if stretch is not None and limit <= horizon:
            size, since = stretch.end - stretch.start, self.after[first + stretch.start].intended - self.lifted
            counts = f"{self.describe_bad(first)}, {stretch.bad} of {size} of them from {since:.1f} s on"
            if seconds is None:
                back = f"no steady state again within {horizon:g} s after the lift (right-censored)"
            return Status.FAIL, f"{back}: {counts}", seconds
        counts = self.describe_bad(first)
        if decision.decision == "pass" and seconds is not None and seconds <= limit:
            return Status.PASS, f"{back}: {counts}", seconds
        if limit > horizon:
            return Status.INCONCLUSIVE, f"{back}: {counts}; set [chaos] recovery to at least {limit:g} s", seconds
        advice = "a higher [chaos] rate or a longer baseline may decide"
        if decision.rate_needed is not None:
            advice = f"[chaos] rate = {decision.rate_needed:g} would decide the same course of events"
        return Status.INCONCLUSIVE, f"{back}, which is not certain: {counts}; {advice}", seconds

    def describe_bad(self, first: int) -> str:
        """How many of the answers from `first` on are bad, beside the baseline."""
        yardstick, since = self.yardstick, self.after[first].intended - self.lifted
        bad = sum(latency > yardstick.slow_over for latency in self.latencies[first:])
        return (
            f"in the baseline {yardstick.failed} of {yardstick.n} requests failed, and the p95 was "
            f"{yardstick.p95 * 1e3:.0f} ms; from {since:.1f} s after the lift on {bad} of {len(self.after) - first} "
            f"failed or took over {yardstick.slow_over * 1e3:.0f} ms"
        )
