"""Run a chaos experiment: baseline, apply the fault, confirm, hold, lift and recover, under one open-loop load."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from harness.chaos.injector import ActiveFault, Injector, lift_faults
from harness.chaos.judging import describe_unsent, explain_invisible_fault, explain_unsteady_baseline
from harness.chaos.link_use import MOST_REQUESTS_OF_USE, compute_seconds_of_use, find_link_use
from harness.chaos.queries import MOST_ASKED, make_mark, prepare_queries
from harness.chaos.recovery_judging import compute_watch, find_recovery, measure_baseline, select_baseline
from harness.chaos.steady_load import LEAVING_STEP, WARM_UP, SteadyLoad
from harness.chaos.struck import FEWEST_STRUCK, LinkUse, Traffic, count_struck
from harness.chaos.toxiproxy_api import ProxyGone
from harness.core.errors import UsageError
from harness.core.experiment import ChaosSettings, Experiment, ExperimentPlan, Fault, Sample
from harness.core.fault import load_fault
from harness.core.measurement import Measurement, Scope
from harness.core.plan import Cost, make_slug
from harness.core.report import FaultRow
from harness.core.settings import Settings
from harness.io.rundir import FAULTS, read_run
from harness.run.gate_run import GateRun
from harness.run.session import Session

_LOOK, _RENEW, _SPARE = 0.2, 1.0, 10.0
"""Seconds between two looks at the load, and between two renewals of a lease; seconds for calls to the proxy."""


def prepare_links(settings: Settings) -> list[str]:
    """Look at every link that a fault needs before any request is sent, and create the proxies that are missing.

    Returns notes on what was created, and on faults of a killed run that were lifted. Raises as `Injector` does.
    """
    notes: list[str] = []
    for link in settings.links:
        planned = [fault for plan in settings.experiments for fault in plan.faults]
        faults = [fault for fault in planned if fault.link == link.name]
        if faults:
            with Injector(link, allow=settings.allow) as injector:
                for fault in faults:
                    injector.check_fault(fault)
                injector.settle()
            notes += injector.notes
    return notes


def lift_faults_of_runs(
    api_urls: Sequence[str], run_dirs: Sequence[str] = (), *, allow: Sequence[str] = ()
) -> list[str]:
    """End every fault of ours at these API URLs, and at those whose faults the run directories show as never lifted.

    Returns a line for each thing done. Raises `UsageError` for a host that is not allowed, `ProxyGone`, `RunDirError`.
    """
    urls = list(api_urls)
    for folder in run_dirs:
        last = {(line.get("name"), line.get("applied_at")): line for line in read_run(folder).faults}
        urls += [str(line["api"]) for line in last.values() if line.get("lifted_at") is None and line.get("api")]
    return lift_faults(urls, allow=allow)


def run_experiment(scope: Scope, session: Session, run: GateRun) -> Experiment:
    """Run the experiment of the scope's case.

    Raises `UsageError` as `Injector` does, `BudgetExhausted` for a ceiling; the fault is lifted then.
    """
    plan: ExperimentPlan = scope.case
    (fault,) = plan.faults
    link = next(link for link in session.settings.links if link.name == fault.link)
    try:
        with Injector(link, allow=session.settings.allow) as injector:
            injector.check_fault(fault)
            injector.settle()
            direct = injector.carries_url(session.endpoint.url)
            injector.set_mark(make_mark(run, session))
            pool = session.once("the queries of chaos loads", lambda: prepare_queries(session, run))
            steady_load = SteadyLoad(scope, session, run, pool, direct=direct)
            use = LinkUse(1.0, "address") if direct else LinkUse()
            if injector.is_own_proxy and not direct:
                run.progress.note(f"chaos: {fault.name}: does link {link.name} carry our requests?")
                use = session.once(
                    ("a link carries our requests", link.name, load_fault(fault.kind).needs_streaming),
                    lambda: find_link_use(
                        injector, session, run, lambda index: steady_load.make_request(index)[1], salt=link.name
                    ),
                )
            with steady_load as load:
                begun = Experiment(plan, load.began)
                return _Phases(scope, run, fault, injector, direct, use, load, begun).run_all()
    except ProxyGone as gone:
        return Experiment(plan, run.now(), broken=str(gone))


def _compute_cost(scope: Scope) -> Cost:
    """A look at the link, and the steady load, at most until recovery is ruled out."""
    chaos, fault = scope.case.chaos, scope.case
    deadline = scope.settings.endpoint.deadlines.total
    seconds = chaos.baseline + fault.duration + compute_watch(chaos)
    requests = WARM_UP + math.ceil((1 + 1 / LEAVING_STEP) * chaos.rate * (seconds + deadline + _SPARE))
    requests += MOST_REQUESTS_OF_USE + MOST_ASKED
    return Cost(requests, scope.tokens_per_answer * requests, seconds + compute_seconds_of_use(chaos.rate))


EXPERIMENT = Measurement(
    Experiment, _compute_cost, lambda scope: f"{scope.suite}/{make_slug(scope.case.name)}", run_experiment, alone=True
)
"""The experiment of the scope's case."""


@dataclass
class _Phases:
    """The phases of one experiment, which fill in `experiment`; `direct` as in `SteadyLoad`.

    `use`: which of our requests the link is known to carry.
    """

    scope: Scope
    run: GateRun
    fault: Fault
    injector: Injector
    direct: bool
    use: LinkUse
    load: SteadyLoad
    experiment: Experiment
    _applying_since: float = 0.0
    _traffic: Traffic = field(default_factory=Traffic)

    @property
    def chaos(self) -> ChaosSettings:
        """The length of the phases, and the rate of the load."""
        return self.experiment.plan.chaos

    def run_all(self) -> Experiment:
        """Run every phase; `broken` of the result says what broke the experiment itself."""
        load, chaos = self.load, self.chaos
        self._report(f"{chaos.rate:g} requests/s, baseline {chaos.baseline:g} s")
        steady, before = load.began + chaos.baseline, self._count_requests()
        load.wait(steady - load.now())
        while load.find_settled_time(load.began) < steady:  # the endpoint's deadlines end every request
            load.wait(_LOOK)
        baseline = select_baseline(load.list_samples(), load.began, chaos)
        marked, sent = self._count_requests()
        self._traffic = Traffic(marked - before[0], sent - before[1])
        if reason := explain_unsteady_baseline(baseline, self.scope.objectives):
            self._update(undecided=reason)
        else:
            try:
                self._disturb()
                load.wait((self.experiment.lifted or 0.0) + compute_watch(chaos) - load.now())
            except UsageError as problem:
                self._update(broken=f"the experiment was cut short: {problem}")
        load.drain()
        self._update(finished=load.now(), samples=tuple(load.list_samples()), notes=tuple(self.injector.notes))
        self._update(corrupted=tuple(load.corrupted), failed=tuple(load.failed), unsent=load.unsent)
        if load.unsent:
            unsent = describe_unsent(load.unsent, len(self.experiment.samples))
            self._update(notes=(*self.experiment.notes, f"{unsent}; they are left out"))
        if self.experiment.lifted is not None:
            self._conclude(baseline, self.experiment.lifted)
        return self.experiment

    def _disturb(self) -> None:
        """Apply the fault, prove it, hold it and lift it; a line of `faults.jsonl` marks its begin, another its end."""
        began, state = self.load.now(), "lifted"
        self._applying_since = began
        self._append_row(None, "on")
        try:
            with self.injector.apply(self.fault) as active:
                self._update(applied=self.load.now())
                where = f"link {self.injector.link.name}"
                self._report(f"{self.fault.kind} on {where} for {self.fault.duration:g} s")
                before = self._count_requests()
                self._hold(active)
                marked, sent = self._count_requests()
                traffic = self._traffic
                self._traffic = Traffic(traffic.marked, traffic.sent, marked - before[0], sent - before[1])
            self._update(lifted=self.load.now())
            if active.is_counted:  # the last count: what is struck until the lift belongs to it
                self._update(proof=active.prove())
        except UsageError as problem:
            state = "proxy gone" if isinstance(problem, ProxyGone) else "refused"
            raise
        finally:
            self._append_row(None if state == "proxy gone" else self.load.now(), state)

    def _hold(self, active: ActiveFault) -> None:
        # One gap longer than configured, so that the planned number of requests falls into it wherever it begins.
        ends = self.load.now() + self.fault.duration + 1 / self.chaos.rate
        self.load.wait(min(_LOOK, self.fault.duration / 4))
        self._update(proof=active.prove())
        while (left := ends - self.load.now()) > 0:
            self.load.wait(min(left, _RENEW))
            active.renew()
        if self.experiment.proof.confirmed == "none":
            self._update(proof=active.prove())

    def _conclude(self, baseline: list[Sample], lifted: float) -> None:
        """Find the recovery and whether the answers show the fault; the last line of the fault in `faults.jsonl`."""
        proof = self.experiment.proof
        if proof.confirmed == "probe" and self.fault.toxicity >= 1 and self.direct:
            struck = sum(sample.intended + sample.lag < lifted for sample in self.experiment.fault_samples)
            self._update(proof=replace(proof, affected=struck))
        recovered = find_recovery(self.experiment)
        progress = "no recovery seen"
        if recovered is not None:
            note = f"the service recovered between {lifted:.2f} s and {recovered:.2f} s of the run"
            self._update(recovered=recovered, notes=(*self.experiment.notes, note))
            progress = f"steady again {max(0.0, recovered - lifted):.1f} s later"
        struck = count_struck(self.fault, self.experiment.proof, self.use, self._traffic)
        self._update(struck=struck)
        if self.experiment.proof.confirmed != "none" and struck < FEWEST_STRUCK:
            yardstick, is_own = measure_baseline(baseline, self.chaos), self.injector.is_own_proxy
            self._update(undecided=explain_invisible_fault(self.experiment, yardstick, is_own_proxy=is_own))
        self._report(f"lifted, {progress}")
        self._append_row(lifted, "judged")

    def _count_requests(self) -> tuple[int, int]:
        """Our requests that the link has carried, and those that were sent."""
        return self.injector.count_marked(), self.load.sent + self.load.left

    def _update(self, **changes: Any) -> None:
        self.experiment = replace(self.experiment, **changes)

    def _report(self, progress: str) -> None:
        self.run.progress.note(f"chaos: {self.fault.name}: {progress}")

    def _append_row(self, lifted: float | None, state: str) -> None:
        experiment, link = self.experiment, self.injector.link
        applied, recovered = self._applying_since, experiment.recovered
        phases = {"baseline": self.load.began, "inject": applied, "lift": lifted, "end": experiment.finished}
        row = FaultRow(
            self.fault.kind,
            f"link {link.name}",
            round(applied, 4),
            None if lifted is None else round(lifted, 4),
            experiment.proof.confirmed,
            experiment.proof.affected,
            self.fault.name,
            None if recovered is None else round(recovered, 4),
            {name: round(seconds, 4) for name, seconds in phases.items() if seconds},
        )
        self.run.run_dir.append(FAULTS, {**asdict(row), "state": state, "api": link.api})
