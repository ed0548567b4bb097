"""The phases of an experiment under its load: baseline, the timeline of faults, recovery; and what they show.

Tested in tests/chaos/test_run_experiment.py.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from harness.chaos.attempts_judging import count_attempts
from harness.chaos.direct import AnyInjector
from harness.chaos.fault_record import FaultRecord
from harness.chaos.impact import describe_attempts, describe_impact
from harness.chaos.judging import describe_unsent, explain_invisible_fault, explain_unsteady_baseline
from harness.chaos.pulse_judging import LOWERED, compute_lowered_seconds, is_answering
from harness.chaos.recovery_judging import compute_watch, find_recovery, measure_baseline, select_baseline
from harness.chaos.starvation import describe_starved
from harness.chaos.steady_load import SteadyLoad
from harness.chaos.stop_watch import StopWatch
from harness.chaos.struck import FEWEST_STRUCK, LinkUse, Traffic, count_struck
from harness.chaos.timeline_run import TimelineRun
from harness.core.errors import UsageError
from harness.core.experiment import ChaosSettings, Experiment, Proof, Sample, Strike, select_samples
from harness.core.objective import Objective
from harness.stats.recovery import Yardstick

_LOOK = 0.2
"""Seconds between two looks at the load."""


@dataclass
class Phases:
    """The phases of one experiment, which fill in `experiment`. `injectors` are those of its places, by `Fault.place`.

    `direct` names those that lie between the harness and the service, `uses` says which of our requests each link
    is known to carry. `ask_operator` returns why an operator ends the faults, or an empty text; `report` gets a line
    for what happens.
    """

    experiment: Experiment
    load: SteadyLoad
    injectors: Mapping[str, AnyInjector]
    direct: frozenset[str]
    uses: Mapping[str, LinkUse]
    objectives: Sequence[Objective]
    record: FaultRecord
    ask_operator: Callable[[], str]
    report: Callable[[str], None]
    _timeline: TimelineRun | None = None
    _normal: dict[str, Traffic] = field(default_factory=dict)
    _carried: dict[int, tuple[int, int]] = field(default_factory=dict)
    _begin: dict[str, tuple[int, int]] = field(default_factory=dict)
    _lift: dict[str, tuple[int, int]] = field(default_factory=dict)
    _after: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def chaos(self) -> ChaosSettings:
        """The length of the phases, and the rate of the load."""
        return self.experiment.plan.chaos

    def run_all(self) -> Experiment:
        """Run every phase; `broken` of the result says what broke the experiment itself."""
        load, chaos = self.load, self.chaos
        self.report(f"{chaos.rate:g} requests/s, baseline {chaos.baseline:g} s")
        baseline = self._wait_for_baseline()
        reason = self.ask_operator() or explain_unsteady_baseline(baseline, self.objectives)
        if reason:
            self.report(f"nothing is disturbed: {reason}")
            self._update(undecided=reason)
        else:
            try:
                self._disturb(baseline)
                load.wait((self.experiment.lifted or 0.0) + compute_watch(chaos) - load.now())
                if self.experiment.plan.metastability and not self._is_back():
                    self._lower_load(measure_baseline(baseline, chaos))
            except UsageError as problem:
                self._update(broken=f"the experiment was cut short: {problem}")
        load.drain()
        changed = load.forgive_changed()
        load.confirm_lost()
        with contextlib.suppress(UsageError):
            self._after = {link: self._count_requests(link) for link in self.injectors}
        notes = [note for injector in self.injectors.values() for note in injector.notes]
        self._update(finished=load.now(), samples=tuple(load.list_samples()), notes=tuple(notes))
        self._update(corrupted=load.list_wrong_answers(), failed=tuple(load.failed), unsent=load.unsent)
        starved = load.starvation.list_starved(load.began + self.chaos.baseline)
        self._update(shortest=load.shortest, starved=starved)
        if starved:
            self._add_note(describe_starved(self.experiment))
        if changed:
            self._add_note(changed)
        if load.unsent:
            self._add_note(f"{describe_unsent(load.unsent, len(self.experiment.samples))}; they are left out")
        if self.experiment.lifted is not None and not self.experiment.broken:
            self._conclude(baseline, self.experiment.lifted)
        return self.experiment

    def list_active(self) -> list[str]:
        """The names of the faults that are on."""
        return self._timeline.list_active() if self._timeline else []

    def _wait_for_baseline(self) -> list[Sample]:
        """Wait for the end of the baseline, and for its requests: the endpoint's deadlines end each of them."""
        load = self.load
        before = {link: self._count_requests(link) for link in self.injectors}
        steady = load.began + self.chaos.baseline
        load.wait(steady - load.now())
        while load.find_settled_time(load.began) < steady:
            load.wait(_LOOK)
        for link, (marked, sent) in before.items():
            now_marked, now_sent = self._count_requests(link)
            self._normal[link] = Traffic(now_marked - marked, now_sent - sent)
            self._begin[link] = now_marked, now_sent
        return select_baseline(load.list_samples(), load.began, self.chaos)

    def _disturb(self, baseline: Sequence[Sample]) -> None:
        plan, load = self.experiment.plan, self.load
        normal = sum(sample.is_good for sample in baseline) / self.chaos.baseline
        watch = StopWatch(plan.stop, load, normal, self.ask_operator)
        count, find_stop = self._count_requests, watch.find_reason
        timeline = self._timeline = TimelineRun(plan, self.injectors, load, self.record, count, find_stop, self.report)
        try:
            timeline.run()
        finally:
            strikes, self._carried = timeline.strikes, timeline.carried
            with contextlib.suppress(UsageError):
                self._lift = {link: self._count_requests(link) for link in self.injectors}
            applied = [strike.applied for strike in strikes if strike.applied is not None]
            lifted = [strike.lifted for strike in strikes if strike.lifted is not None]
            if applied:
                self._update(applied=min(applied))
            if applied and len(lifted) == len(applied):
                self._update(lifted=max(lifted))
            self._update(strikes=tuple(strikes), proof=join_proofs(strikes), stopped=timeline.stopped)

    def _is_back(self) -> bool:
        """Whether the answers show the recovery by now; those that are still waited for count as failed."""
        waiting = [Sample(due, None, 0.0, "waiting") for due in self.load.list_waiting()]
        samples = sorted([*self.load.list_samples(), *waiting], key=lambda sample: sample.intended)
        return find_recovery(replace(self.experiment, samples=tuple(samples))) is not None

    def _lower_load(self, yardstick: Yardstick) -> None:
        """Lower the load until the service answers well, or for some time; then raise it again for some answers."""
        load, chaos = self.load, self.chaos
        self.report("the service does not come back under the load: it is lowered to a tenth")
        load.set_rate(LOWERED * chaos.rate)
        lowered = load.now()
        self._update(lowered=lowered)
        ends = lowered + compute_lowered_seconds(chaos.recovery, chaos.rate)
        while load.now() < ends and not self.ask_operator():
            if is_answering(select_samples(load.list_samples(), lowered, load.find_settled_time(lowered)), yardstick):
                break
            load.wait(_LOOK)
        load.set_rate(chaos.rate)
        self._update(raised=load.now())
        self.report("the load is raised again")
        load.wait(compute_watch(chaos) - chaos.recovery)

    def _conclude(self, baseline: list[Sample], lifted: float) -> None:
        """Find the recovery and whether the answers show the faults; the last line of each in `faults.jsonl`."""
        strikes = tuple(self._count_struck(strike) for strike in self.experiment.strikes)
        self._update(strikes=strikes, proof=join_proofs(strikes), attempts=self._count_attempts())
        recovered = find_recovery(self.experiment)
        progress = "no recovery seen"
        if recovered is not None:
            self._update(recovered=recovered)
            self._add_note(f"the service recovered between {lifted:.2f} s and {recovered:.2f} s of the run")
            progress = f"steady again {max(0.0, recovered - lifted):.1f} s later"
        yardstick = measure_baseline(baseline, self.chaos)
        self._add_figures(yardstick)
        struck = min(self._count_ours(index, strike) for index, strike in enumerate(strikes) if strike.applied)
        self._update(struck=struck)
        if self.experiment.proof.confirmed != "none" and struck < FEWEST_STRUCK:
            is_own = all(injector.is_own_proxy for injector in self.injectors.values())
            is_counted = any(traffic.marked for traffic in self._normal.values())
            is_counted = is_counted or any(use.shown_by == "marks" for use in self.uses.values())
            reason = explain_invisible_fault(self.experiment, yardstick, is_own_proxy=is_own, is_counted=is_counted)
            self._update(undecided=reason)
        self.report(f"lifted, {progress}")
        self.record.judge(self.experiment)

    def _add_figures(self, yardstick: Yardstick) -> None:
        """Note what the faults cost, and how many attempts the links carried."""
        lines = [describe_impact(self.experiment, yardstick)]
        for index, strike in enumerate(self.experiment.strikes):
            place = strike.fault.place
            (marked, sent), (now_marked, now_sent) = self._lift.get(place, (0, 0)), self._after.get(place, (0, 0))
            traffic = self._find_traffic(index, strike)
            lines.append(describe_attempts(strike.fault.link, traffic, now_marked - marked, now_sent - sent))
        for line in filter(None, dict.fromkeys(lines)):
            self._add_note(line)

    def _count_attempts(self) -> tuple[int, int] | None:
        behind = [link for link in self._begin if link not in self.direct]
        if not self._lift.keys() >= set(behind):
            return None
        return count_attempts([(self._normal[link], self._begin[link], self._lift[link]) for link in behind])

    def _find_traffic(self, index: int, strike: Strike) -> Traffic:
        marked, sent = self._carried.get(index, (0, 0))
        return replace(self._normal[strike.fault.place], marked_under_fault=marked, sent_under_fault=sent)

    def _count_ours(self, index: int, strike: Strike) -> int:
        """How many of our requests the fault has struck, at least."""
        use = self.uses[strike.fault.place]
        return count_struck(strike.fault, strike.proof, use, self._find_traffic(index, strike))

    def _count_requests(self, link: str) -> tuple[int, int]:
        """Our requests that the link has carried, and those that were sent."""
        return self.injectors[link].count_marked(), self.load.sent + self.load.left

    def _count_struck(self, strike: Strike) -> Strike:
        """A fault that strikes every connection between us and the service strikes each request that was sent."""
        is_sure = strike.proof.confirmed == "probe" and strike.fault.toxicity >= 1 and strike.fault.place in self.direct
        if not is_sure or strike.applied is None or strike.lifted is None:
            return strike
        samples = select_samples(self.experiment.samples, strike.applied, strike.lifted)
        struck = sum(sample.intended + sample.lag < strike.lifted for sample in samples)
        return replace(strike, proof=replace(strike.proof, affected=struck))

    def _update(self, **changes: Any) -> None:
        self.experiment = replace(self.experiment, **changes)

    def _add_note(self, note: str) -> None:
        self._update(notes=(*self.experiment.notes, note))


def join_proofs(strikes: Sequence[Strike]) -> Proof:
    """The proof of all faults together, which is that of the weakest: one that did not land is none."""
    if len(strikes) == 1:
        return strikes[0].proof
    applied = [strike for strike in strikes if strike.applied is not None]
    if not applied:
        return Proof()
    weakest = min(applied, key=lambda strike: ("none", "probe", "counter").index(strike.proof.confirmed))
    counts = [strike.proof.affected for strike in applied]
    known = [count for count in counts if count is not None]
    affected = sum(known) if len(known) == len(counts) else None
    shown = [strike for strike in applied if strike.proof.confirmed == "none"] or applied
    detail = "; ".join(f"{strike.fault.name}: {strike.proof.detail}" for strike in shown)
    marks = [strike.proof.ours for strike in applied if strike.proof.ours is not None]
    return Proof(weakest.proof.confirmed, affected, detail, sum(marks) if len(marks) == len(applied) else None)
