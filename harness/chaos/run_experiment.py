"""Run a chaos experiment: baseline, inject, confirm, hold, lift, recover, under one open-loop load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import msgspec

from harness.chaos import injector as io
from harness.chaos.injector import Active, Injector
from harness.chaos.judging import invisible, unsteady
from harness.chaos.steady_load import SteadyLoad
from harness.chaos.toxiproxy_api import ProxyGone
from harness.core.errors import UsageError
from harness.core.experiment import STEP, WINDOW, WINDOWS, Experiment, Fault, Sample, between, recovered_at
from harness.core.plan import slug
from harness.core.report import FaultRow
from harness.core.settings import Settings
from harness.io.rundir import FAULTS, read_run
from harness.run.gate_run import GateRun
from harness.run.session import Session

_LOOK, RENEW = 0.2, 1.0
"""Seconds between two looks for recovery, and between two renewals of a lease."""


def prepare(settings: Settings) -> list[str]:
    """Look at every link that a fault needs before anything is asked, and create the proxies that are missing.

    Says what was created, and what a killed run had left and was lifted. Raises as `Injector` does.
    """
    said: list[str] = []
    for link in settings.links:
        faults = [fault for fault in settings.faults if fault.link == link.name]
        if faults:
            with Injector(link, allow=settings.allow) as injector:
                for fault in faults:
                    injector.check(fault)
                injector.settle()
            said += injector.notes
    return said


def lift(api_urls: Sequence[str], run_dirs: Sequence[str] = (), *, allow: Sequence[str] = ()) -> list[str]:
    """End every fault of ours at these API URLs, and at those whose faults the run directories show as never lifted.

    Says what was done, a line each. Raises `UsageError` for a host that is not allowed, `ProxyGone`, `RunDirError`.
    """
    found = list(api_urls)
    for folder in run_dirs:
        last = {(line.get("name"), line.get("applied_at")): line for line in read_run(folder).faults}
        found += [str(line["api"]) for line in last.values() if line.get("lifted_at") is None and line.get("api")]
    return io.lift(found, allow=allow)


def experiment(session: Session, run: GateRun, fault: Fault) -> Experiment:
    """The experiment with this fault: run by the first who asks, read from the run directory by everyone after.

    A proxy that does not answer breaks it once, not for every check again. Raises `UsageError` as `Injector` does,
    `BudgetExhausted` for a ceiling; the fault is lifted then.
    """
    name = f"chaos/{slug(fault.name)}.json"
    path = run.run_dir.path / name
    if path.exists():
        return msgspec.json.decode(path.read_bytes(), type=Experiment)
    link = next(link for link in session.settings.links if link.name == fault.link)
    try:
        with Injector(link, allow=session.settings.allow) as injector:
            injector.check(fault)
            injector.settle()
            direct = injector.carries(session.endpoint.url)
            with SteadyLoad(session, run, fault, direct=direct) as load:
                begun = Experiment(fault, load.began)
                found = _Course(session.settings, run, fault, injector, direct, load, begun).take()
    except ProxyGone as gone:
        found = Experiment(fault, run.now(), broken=str(gone))
    path.parent.mkdir(exist_ok=True)
    run.run_dir.write(name, msgspec.json.encode(found))
    return found


@dataclass
class _Course:
    """One experiment on its way through its phases; `direct` as `SteadyLoad` has it."""

    settings: Settings
    run: GateRun
    fault: Fault
    injector: Injector
    direct: bool
    load: SteadyLoad
    found: Experiment
    _on: float = 0.0

    @property
    def width(self) -> float:
        """Seconds of a recovery window: long enough for five requests."""
        return max(WINDOW, 5 / self.settings.chaos.rate)

    def take(self) -> Experiment:
        """Go through every phase; what breaks the experiment itself is in its `broken`."""
        load, steady = self.load, self.load.began + self.settings.chaos.baseline
        say, fault = self.run.progress, self.fault
        rate, seconds = self.settings.chaos.rate, self.settings.chaos.baseline
        say(f"chaos: {fault.name}: {rate:g} requests/s, baseline {seconds:g} s")
        load.wait(steady - load.now())
        while load.settled(load.began) < steady:  # the endpoint's deadlines end every request
            load.wait(_LOOK)
        baseline = between(load.seen(), load.began, steady)
        if why := unsteady(baseline, self.settings.objectives):
            self.found = replace(self.found, undecided=why)
        else:
            try:
                self._disturb()
                self._recover(baseline)
            except UsageError as problem:
                self.found = replace(self.found, broken=f"the experiment was cut short: {problem}")
        load.drain()
        found = replace(self.found, finished=load.now(), samples=tuple(load.seen()), notes=tuple(self.injector.notes))
        found = replace(found, corrupted=tuple(load.corrupted), failed=tuple(load.failed))
        if found.lifted is None:
            return found
        self.found = self._judged(found, baseline, found.lifted)
        took = self.found.recovered and f"steady again {max(0.0, self.found.recovered - found.lifted):.1f} s after it"
        say(f"chaos: {fault.name}: lifted, {took or 'not seen to recover'}")
        self._write(self._on, found.lifted, "judged")
        return self.found

    def _disturb(self) -> None:
        """Put the fault on, prove it, hold it and lift it; both ends are written down as they come."""
        at, state = self.load.now(), "lifted"
        self._on = at
        self._write(at, None, "on")
        try:
            with self.injector.applied(self.fault) as active:
                self.found = replace(self.found, applied=self.load.now())
                where = f"{self.fault.kind} on link {self.injector.link.name}"
                self.run.progress(f"chaos: {self.fault.name}: {where} for {self.fault.duration:g} s")
                self._hold(active)
            lifted, proof = self.load.now(), self.found.proof
            if proof.confirmed == "probe" and self.fault.toxicity >= 1 and self.direct:
                proof = replace(proof, affected=self.load.sent(self.found.applied or 0.0))
            self.found = replace(self.found, lifted=lifted, proof=proof)
        except UsageError as problem:
            state = "proxy gone" if isinstance(problem, ProxyGone) else "refused"
            raise
        finally:
            self._write(at, None if state == "proxy gone" else self.load.now(), state)

    def _hold(self, active: Active) -> None:
        # One gap longer than asked, so that the planned number of requests falls into it wherever it begins.
        ends = self.load.now() + self.fault.duration + 1 / self.settings.chaos.rate
        self.load.wait(min(_LOOK, self.fault.duration / 4))
        self.found = replace(self.found, proof=active.proof())
        while (left := ends - self.load.now()) > 0:
            self.load.wait(min(left, RENEW))
            active.renew()
        if self.found.proof.confirmed != "probe":
            self.found = replace(self.found, proof=active.proof())

    def _recover(self, baseline: list[Sample]) -> None:
        """Wait until recovery is seen, or until the last windows that could show it have ended."""
        load, lifted = self.load, self.found.lifted or 0.0
        ends = lifted + self.settings.chaos.recovery + WINDOWS * self.width
        while load.now() < ends:
            load.wait(_LOOK)
            if recovered_at(load.seen(), baseline, lifted, load.settled(lifted), self.width) is not None:
                return

    def _judged(self, found: Experiment, baseline: list[Sample], lifted: float) -> Experiment:
        until = min(self.load.next, lifted + self.settings.chaos.recovery + WINDOWS * self.width)
        at = recovered_at(found.samples, baseline, lifted, until, self.width)
        if at is not None:
            note = f"recovery lies between {lifted:.2f} s and {at:.2f} s of the run, on a grid of {STEP:g} s"
            found = replace(found, recovered=at, notes=(*found.notes, note))
        if found.proof.confirmed != "probe" or self.direct:
            return found
        return replace(found, undecided=invisible(found, baseline))

    def _write(self, at: float, lifted: float | None, state: str) -> None:
        proof, link = self.found.proof, self.injector.link
        phases = {"baseline": self.load.began, "inject": at, "lift": lifted, "end": self.found.finished}
        row = FaultRow(
            self.fault.kind,
            f"link {link.name}",
            round(at, 4),
            None if lifted is None else round(lifted, 4),
            proof.confirmed,
            proof.affected,
            self.fault.name,
            None if self.found.recovered is None else round(self.found.recovered, 4),
            {name: round(t, 4) for name, t in phases.items() if t},
        )
        self.run.run_dir.append(FAULTS, {**asdict(row), "state": state, "api": link.api})
